/** Tells why a profile, or a file of hits, cannot be used. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { fileTroubleText, profileProblemText } from "../texts/knock.ts"
import { isDenied } from "../texts/system.ts"
import type { FileTrouble } from "./profiles.ts"

/** Tells it, with each problem of a profile in a line of its own, and gives the exit code. */
export function tellFileTrouble(found: FileTrouble, terminal: Terminal): ExitCode {
    const [what, ...hints] = fileTroubleText(found)
    if (found.code === "broken") {
        terminal.error(what)
        for (const { path, problem } of found.issues) {
            const at = problem.code === "syntax" ? `${found.file}:${problem.line}:${problem.column}` : found.file
            const where = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
            terminal.say(`${at}: ${where === "" ? "" : `${where.slice(1)}: `}${profileProblemText(problem)}`)
        }
        for (const hint of hints) terminal.say(`postern: hint: ${hint}`)
    } else terminal.error(what, ...hints)
    if (found.code === "unreadable") return isDenied(found.detail) ? EXIT.permission : EXIT.usage
    return found.code === "no-profile" ? EXIT.usage : EXIT.configuration
}
