/** Tells what is wrong with a bundle, or with the keys to it. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { Told } from "../texts/device.ts"

/** Tells it and gives the exit code. That somebody has interrupted it is no error. */
export function tell({ said, code }: Told, terminal: Terminal): ExitCode {
    if (code === EXIT.interrupted) terminal.say(said[0])
    else terminal.error(...said)
    return code
}
