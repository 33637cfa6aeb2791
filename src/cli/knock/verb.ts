/** What `postern knock` does, in one piece: all that it always needs is one file of the program (tools/build.mjs). */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { mistakeText } from "../texts/knock.ts"
import { knockAt } from "./client.ts"
import { type RawOptions, readRequest } from "./request.ts"

/** Carries out one command line: what the user wrote, not yet looked at. */
export async function knockAsAsked(
    host: string,
    operands: readonly string[],
    options: RawOptions,
    terminal: Terminal,
): Promise<ExitCode> {
    const read = readRequest(host, operands, options)
    if (read.ok) return knockAt(read.request, options, terminal)
    for (const mistake of read.mistakes) terminal.error(mistakeText(mistake))
    terminal.say("postern: hint: postern knock --help shows what there is")
    return EXIT.usage
}
