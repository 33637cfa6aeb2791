/** All files of a publication, in the order of their names. They are on the disk, so that many need no memory. */
export type Files = {
    /** A directory with these files and nothing else. It changes with the next publication, one whole file at a time. */
    readonly directory: string
    readonly names: readonly string[]
    /** The moment that they were made at, whole seconds (milliseconds since 1970). */
    readonly made: number
    readonly read: (name: string) => Promise<Uint8Array>
}

/** Tells that it is time to end: an AbortSignal is one. */
export type Ending = {
    readonly aborted: boolean
    readonly addEventListener: (event: "abort", heard: () => void) => void
    readonly removeEventListener: (event: "abort", heard: () => void) => void
}

/**
 * Where bundles are published. Adapters: directory, put, run.
 *
 * Others see whole files, old or new, at any time; what is not in a publication is not there afterwards, if it was ours.
 */
export interface Target {
    /** What it is called where people read of it; no secret is in it. */
    readonly name: string
    /** Puts these files there, all of them. What does not work is a value; ends soon after `signal`. */
    publish(files: Files, signal: Ending): Promise<TargetResult>
}

/** What came of it. `detail` is for people. */
export type TargetResult = { readonly ok: true } | { readonly ok: false; readonly detail: string }
