/** Tells why a profile, or a file of hits, cannot be used. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { fileTroubleText, profileProblemText } from "../texts/knock.ts"
import type { FileTrouble } from "./profiles.ts"

/** Tells it, with each problem of a profile in a line of its own, and gives the exit code. */
export function tellFileTrouble(found: FileTrouble, terminal: Terminal): ExitCode {
    terminal.error(...fileTroubleText(found))
    if (found.code === "broken") {
        for (const { path, problem } of found.issues) {
            const at = problem.code === "syntax" ? `${found.file}:${problem.line}:${problem.column}` : found.file
            const where = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
            terminal.say(`${at}: ${where === "" ? "" : `${where.slice(1)}: `}${profileProblemText(problem)}`)
        }
    }
    return found.code === "no-profile" || found.code === "unreadable" ? EXIT.usage : EXIT.configuration
}
