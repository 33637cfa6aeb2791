/**
 * What is said before the daemon lives: what is wrong with its configuration, and why it does not start. To a person
 * as every command says it; to a journal or a program as lines of the log, so that nothing else stands between these.
 */
import { formatIssue, type Issue } from "../core/config/issues.ts"
import type { ExitCode } from "../voice/exit.ts"
import type { Voice } from "../voice/terminal.ts"
import type { Log, LogForm } from "./log.ts"

/** Says it. */
export type Opening = {
    /** A problem of the configuration, at its place. */
    readonly issue: (issue: Issue) => void
    /** Why nothing was started, then what to do about it. */
    readonly error: (what: string, ...hints: readonly string[]) => void
}

/** Why the daemon does not start, and the exit code for that. */
export class Refusal extends Error {
    readonly code: ExitCode
    readonly hints: readonly string[]

    constructor(code: ExitCode, what: string, ...hints: readonly string[]) {
        super(what)
        this.code = code
        this.hints = hints
    }
}

/** In the form of the log. As JSON an issue has its own facts, an error its hints. */
export function openingOf(form: LogForm, log: Log, voice: Voice): Opening {
    if (form === "plain") return { issue: (issue) => voice.say(formatIssue(issue)), error: voice.error }
    return {
        issue: (issue) => log(issue.severity === "note" ? "info" : issue.severity, formatIssue(issue), { issue }),
        error: (what, ...hints) => {
            log("error", what, hints.length === 0 ? undefined : { hints })
            if (form === "journal") for (const hint of hints) log("error", `hint: ${hint}`)
        },
    }
}
