/** How the daemon stands, for its metrics: what is not counted but looked at when somebody asks. */

/** How things stand at this moment. Times are seconds since 1970, sizes bytes. */
export type Levels = {
    readonly version: string
    readonly capture: string
    /** Since the capture began. */
    readonly packets: CapturedPackets
    /** Live attempts. */
    readonly attempts: number
    readonly sources: { readonly used: number; readonly room: number }
    /** Leases, those with programs alone under way included. */
    readonly grants: { readonly used: number; readonly room: number }
    /** Open grants by the door's label (see `Tally.label`). */
    readonly open: ReadonlyMap<string, number>
    /** The longest sequence there is, in hits. */
    readonly depth: number
    /** Is our table in the kernel as we want it? Null: there is no firewall. */
    readonly inPlace: boolean | null
    /** Services that are hidden for good, on trial, or spared after the start of the host. */
    readonly hidden: { readonly lasting: number; readonly trial: number; readonly spared: number }
    readonly programs: { readonly running: number; readonly waiting: number }
    /** Null: there is no store. */
    readonly journal: JournalLevels | null
    /** Null: no bundles are made. */
    readonly bundles: BundleLevels | null
    /** Connected to the control socket. */
    readonly clients: number
    readonly process: ProcessLevels
}

/** What became of packets in the capture. `overflows`: the kernel's set of watched sources was full. */
export type CapturedPackets = {
    readonly delivered: number
    readonly dropped: number
    readonly unreadable: number
    readonly unwanted: number
    readonly overflows: number
}

/** How the journal is; `since`: from when on it knows everything. */
type JournalLevels = {
    readonly claims: number
    readonly counters: number
    readonly stops: number
    readonly since: number
    readonly trouble: boolean
}

/** How publication is; times are seconds since 1970, null: not since the start. */
export type BundleLevels = {
    readonly trouble: boolean
    readonly made: number | null
    readonly files: number
    /** How long (s) it took to make them. */
    readonly took: number
    /** `done`: all files of a publication were there. */
    readonly targets: readonly { readonly name: string; readonly trouble: boolean; readonly done: number | null }[]
}

/** The process, as the kernel sees it. Null: it does not say. */
type ProcessLevels = {
    readonly rss: number
    /** Seconds, in user and system mode. */
    readonly cpu: number
    readonly fds: number | null
    readonly fdsMost: number | null
    readonly started: number
    /** Seconds in which the event loop did not wait. */
    readonly busy: number
}
