/** What is wrong with `[options]`: files, commands for beginning and end, interfaces. */
import type { KnockdHost } from "./check.ts"
import { programOf } from "./check-commands.ts"
import type { KnockdSurvey } from "./conf.ts"
import { readInterfaces } from "./interfaces.ts"
import type { KnockdProblem } from "./problems.ts"

/** knockd's, where none is named. */
const INTERFACE = "eth0"

/** Everything there is to say of them; `say`: of one key. */
export function checkOptions(
    { conf: { options }, places }: KnockdSurvey,
    { lacks }: KnockdHost,
    say: (key: string, problem: KnockdProblem) => void,
): void {
    for (const [key, path] of [
        ["LOGFILE", options.logFile],
        ["PIDFILE", options.pidFile],
    ] as const) {
        if (path === null || path === "") continue
        if (!path.startsWith("/")) say(key, { code: "relative" })
        else if (lacks?.("directory", path.slice(0, path.lastIndexOf("/")) || "/")) say(key, { code: "no-directory" })
    }
    for (const [key, command] of [
        ["ON_START", options.onStart],
        ["ON_STOP", options.onStop],
    ] as const) {
        if (command === null) continue
        if (command === "") say(key, { code: "runs-nothing" })
        if (command.includes("%IP%")) say(key, { code: "no-source" })
        const program = programOf(command)
        if (program !== null && lacks?.("program", program)) say(key, { code: "no-program" })
    }
    const said = places.options.has("INTERFACE")
    const reading = readInterfaces(options.interface || INTERFACE)
    if (!reading.ok) say("INTERFACE", { code: "auto-among" })
    else if (typeof reading.interfaces === "string" || reading.interfaces.length > 1)
        say("INTERFACE", { code: "interfaces" })
    const names = reading.ok && typeof reading.interfaces !== "string" ? reading.interfaces : []
    for (const name of names) if (lacks?.("interface", name)) say("INTERFACE", { code: "no-interface", name, said })
}
