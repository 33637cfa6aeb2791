/**
 * What can be wrong with a knockd.conf, and what is unwise about it, as facts; `texts.ts` makes the sentences. The words
 * for what a configuration of ours can have as well are those of ../config.
 */
import { type Doubt, type Issue, type Severity, severityOf } from "../config/issues.ts"
import type { Fault, Oddity } from "./oddities.ts"

/** Everything that is found; `code` says which. */
export type KnockdProblem = OwnProblem | SharedDoubt

/** What only a knockd.conf can have. */
export type OwnProblem = Mistake | OwnDoubt

/** A problem as it is shown; see `Issue`. */
export type KnockdIssue = Omit<Issue, "code"> & { readonly code: KnockdCode }

type KnockdCode = Exclude<KnockdProblem["code"], "fault" | "odd"> | Fault["fault"] | Oddity["odd"]

/** What a program calls it. */
export function knockdCodeOf(problem: KnockdProblem): KnockdCode {
    if (problem.code === "fault") return problem.fault.fault
    return problem.code === "odd" ? problem.oddity.odd : problem.code
}

type SharedDoubt = Extract<
    Doubt,
    {
        readonly code:
            | "short"
            | "in-order"
            | "guessable"
            | "published"
            | "listening"
            | "well-known"
            | "same-knock"
            | "ends-alike"
            | "contains"
            | "long-window"
            | "flags-not-new"
            | "readable"
            | "writable"
            | "too-many-doubts"
    }
>

/** knockd refuses to start, and so do we. */
type Mistake =
    | { readonly code: "unreadable"; readonly detail: string }
    | { readonly code: "fault"; readonly fault: Fault }
    /** The filter that knockd makes of it is none. */
    | { readonly code: "target-empty" }
    | { readonly code: "target-network" }
    /** No such list of interfaces can be followed; knockd finds no interface of this name. */
    | { readonly code: "auto-among" }

type OwnDoubt =
    | { readonly code: "odd"; readonly oddity: Oddity }
    | { readonly code: "no-doors" }
    | { readonly code: "scannable" }
    /** The same hit as the one before it. */
    | { readonly code: "twice-running" }
    | { readonly code: "repeated"; readonly first: number }
    | { readonly code: "begins-alike"; readonly door: string }
    | { readonly code: "any-packet" }
    | { readonly code: "no-time" }
    | { readonly code: "target-name" }
    | { readonly code: "target-form"; readonly canonical: string }
    | { readonly code: "no-command" }
    | { readonly code: "empty-start" }
    | { readonly code: "empty-stop" }
    | { readonly code: "stop-without-start" }
    | { readonly code: "time-without-stop" }
    | { readonly code: "stop-at-once" }
    | { readonly code: "stop-never" }
    | { readonly code: "placeholder" }
    | { readonly code: "quoted" }
    | { readonly code: "for-everyone" }
    | { readonly code: "family" }
    | { readonly code: "too-long-when-expanded" }
    | { readonly code: "no-program" }
    | { readonly code: "no-interface"; readonly name: string; readonly said: boolean }
    | { readonly code: "interfaces" }
    | { readonly code: "no-directory" }
    | { readonly code: "runs-nothing" }
    | { readonly code: "no-source" }
    | { readonly code: "no-cooldown" }
    | { readonly code: "relative" }
    | { readonly code: "replayable"; readonly doors: number }
    | { readonly code: "both-sequences" }
    | { readonly code: "file-shared"; readonly door: string }
    | { readonly code: "file-few"; readonly left: number }
    | { readonly code: "line-without-blank" }
    | { readonly code: "line-again"; readonly line: number }

const SEVERITIES: Readonly<Record<OwnProblem["code"], Severity>> = {
    unreadable: "error",
    fault: "error",
    "target-empty": "error",
    "target-network": "error",
    "auto-among": "error",
    odd: "warning",
    "no-doors": "warning",
    scannable: "warning",
    "twice-running": "warning",
    repeated: "warning",
    "begins-alike": "warning",
    "any-packet": "warning",
    "no-time": "warning",
    "target-name": "warning",
    "target-form": "warning",
    "no-command": "warning",
    "empty-start": "warning",
    "empty-stop": "warning",
    "stop-without-start": "warning",
    "time-without-stop": "warning",
    "stop-at-once": "warning",
    "stop-never": "warning",
    placeholder: "warning",
    quoted: "warning",
    "for-everyone": "warning",
    family: "note",
    "too-long-when-expanded": "warning",
    "no-program": "warning",
    "no-interface": "warning",
    interfaces: "note",
    "no-directory": "warning",
    "runs-nothing": "warning",
    "no-source": "warning",
    "no-cooldown": "warning",
    relative: "warning",
    replayable: "note",
    "both-sequences": "warning",
    "file-shared": "warning",
    "file-few": "note",
    "line-without-blank": "note",
    "line-again": "warning",
}

/** How grave a problem is. */
export function knockdSeverityOf(problem: KnockdProblem): Severity {
    // Whoever writes one means it.
    if (problem.code === "odd" && problem.oddity.odd === "extra") return "note"
    return isShared(problem) ? severityOf(problem) : SEVERITIES[problem.code]
}

/** Is it one that a configuration of ours can have as well, in the same words? */
export function isShared(problem: KnockdProblem): problem is SharedDoubt {
    return !Object.hasOwn(SEVERITIES, problem.code)
}
