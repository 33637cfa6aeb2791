/** What is said of one kind of finding. */
import type { Finding, Of, Severity } from "../finding.ts"

/** See the head of the file. */
export type Entry<F extends Finding> = {
    /** In a line of the manual page. */
    readonly summary: string
    readonly severities: readonly Severity[]
    readonly severity: (found: F) => Severity
    readonly what: (found: F) => string
    readonly why: (found: F) => string
    /** Lines for a shell that make it go away; none where that takes a decision. */
    readonly commands: (found: F) => readonly string[]
    /** What to do where no command can, or before it. */
    readonly advice?: (found: F) => string
}

/** Entries for some of the findings, by code. */
export type Entries<C extends Finding["code"]> = { readonly [One in C]: Entry<Of<One>> }

/** For what is always as bad. */
export const always = (severity: Severity) => ({ severities: [severity], severity: () => severity }) as const

/** For what no command mends. */
export const none = () => []

/** A word for a shell. */
export function quoted(path: string): string {
    return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

/** Nothing of a file's name begins a line of its own, or is taken for a command. */
const CONTROL = /\p{Cc}/gu

/** A path for a line. */
export function shown(path: string): string {
    return path.replaceAll(CONTROL, "?")
}

/** Can it be written down for a shell? */
export function isWritable(path: string): boolean {
    return shown(path) === path
}
