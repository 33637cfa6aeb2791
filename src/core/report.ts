/** What engine and daemon tell people, as facts; `voice/reports.ts` makes the sentences. */
import type { Service } from "./knock/hit.ts"
import type { WrongHit } from "./knock/wrong.ts"
import type { Address, Network } from "./net/address.ts"

/** One fact about one source, or about the daemon as a whole. */
export type Report = EngineReport | DaemonReport

/** What the engine reports: what became of knocks, and of what they opened. */
export type EngineReport =
    /** A hit brought the source `stage` hits into the door's sequence of `of`. Never says which port it was. */
    | {
          readonly type: "stage"
          readonly door: string
          readonly source: Address
          readonly stage: number
          readonly of: number
      }
    /** The window (`within`, ms) passed with the attempt `stage` hits in. */
    | {
          readonly type: "timeout"
          readonly door: string
          readonly source: Address
          readonly stage: number
          readonly of: number
          readonly within: number
      }
    /** The right hit to take an attempt to `stage`, `ms` after its first: the window (`within`, ms) had passed. */
    | {
          readonly type: "late"
          readonly door: string
          readonly source: Address
          readonly stage: number
          readonly of: number
          readonly ms: number
          readonly within: number
      }
    /** A wrong hit ended an attempt that was `stage` hits in, `after` ms after the last of these. */
    | {
          readonly type: "spoiled"
          readonly door: string
          readonly source: Address
          readonly stage: number
          readonly of: number
          readonly after: number
          readonly by: WrongHit
      }
    /** The right knock, but this source may not knock at this door. */
    | {
          readonly type: "refused"
          readonly door: string
          readonly source: Address
          readonly code: RefusalCode
          readonly knocker?: string
      }
    /** Too many near-misses: this source's hits do not count for `ms`. */
    | { readonly type: "paused"; readonly source: Address; readonly ms: number }
    /** Open, or open for longer (`renewed`), until `ms` from now. `knocker`, here and elsewhere: who knocked, where that is known. */
    | {
          readonly type: "opened"
          readonly door: string
          readonly source: Address
          /** Whom it lets in, if that is more than the source alone. */
          readonly network?: Network
          readonly opens: readonly Service[]
          readonly ms: number
          readonly renewed: boolean
          readonly knocker?: string
      }
    /** The same, by hand of this user; a door that opens nothing runs its program, and `ms` is 0. */
    | {
          readonly type: "given"
          readonly door: string
          readonly source: Address
          /** Whom it lets in, if that is more than the source alone. */
          readonly network?: Network
          readonly opens: readonly Service[]
          readonly ms: number
          readonly uid: number
      }
    /** A connection has used up a grant that is good for one. */
    | { readonly type: "used"; readonly door: string; readonly source: Address; readonly knocker?: string }
    /** Ended by hand of this user. */
    | {
          readonly type: "revoked"
          readonly door: string
          readonly source: Address
          readonly uid: number
          readonly knocker?: string
      }
    /** No longer open. */
    | {
          readonly type: "closed"
          readonly door: string
          readonly source: Address
          readonly by: "time" | "knock" | "reload" | "loss"
          readonly knocker?: string
      }
    /** Reports that were left out because there were too many. */
    | ({ readonly type: "suppressed" } & Omitted)

/** What the loop around it reports: what became of what the engine wanted. */
export type DaemonReport =
    | ProgramReport
    /** This user took so many elements back that no door has opened. */
    | { readonly type: "orphans"; readonly count: number; readonly uid: number }
    /** Somebody took our table away: it was made again, or could not be, and why. */
    | { readonly type: "table"; readonly made: true }
    | { readonly type: "table"; readonly made: false; readonly detail: string }
    | HidingReport
    /** The configuration was read again: how many doors are now what, and what else is other than it was. */
    | ({
          readonly type: "reload"
          readonly done: true
          readonly added: number
          readonly removed: number
          readonly changed: number
          readonly kept: number
          /** Hooks that are new, gone, or say something else. */
          readonly hooks: number
          /** The same of knockers. */
          readonly knockers: number
          /** Keys of [gateway]. */
          readonly gateway: readonly string[]
          /** Grants that ended by it. */
          readonly ended: number
      } & Askers)
    /** It was not: nothing has changed. */
    | ({
          readonly type: "reload"
          readonly done: false
          readonly code: "configuration" | "firewall" | "failed"
          /** How many are told. */
          readonly problems: number
      } & Askers)

/** Who has asked for it: a user over the control socket, or SIGHUP (null); and others whose requests it answers, too. */
type Askers = { readonly uid: number | null; readonly others?: readonly (number | null)[] }

/**
 * What is hidden is other than it was, or stays as it is although somebody wanted it otherwise (`refused`). `more`: so
 * many services beside these, which are too many to be named.
 */
export type HidingReport = {
    readonly type: "hiding"
    readonly services: readonly Service[]
    readonly more?: number
} & HidingChange

/** Times are milliseconds; `uid`: by hand of this user. */
export type HidingChange =
    /** Hidden on trial, or for longer. */
    | { readonly how: "trial"; readonly ms: number; readonly uid: number }
    /** The trial is over: nobody has confirmed it in time, or somebody has taken it back. */
    | { readonly how: "lapsed" }
    | { readonly how: "ended"; readonly uid: number }
    /** By a configuration that was read again: hidden, or no longer. */
    | { readonly how: "hidden" }
    | { readonly how: "shown" }
    /** Open to everyone. */
    | { readonly how: "opened"; readonly uid: number }
    /** Open to everyone for so long after the start of the host, and hidden from then on. */
    | { readonly how: "spared"; readonly ms: number }
    | { readonly how: "unspared" }
    /** What `asked` would have done was not done. */
    | { readonly how: "refused"; readonly asked: "hide" | "unhide"; readonly code: HidingRefusal; readonly uid: number }

/** No door opens it, it is hidden already, or the firewall refuses. */
export type HidingRefusal = "service" | "hidden" | "firewall"

/** A program of the door began, ended or was not run. */
export type ProgramReport = {
    readonly type: "program"
    readonly door: string
    readonly source: Address
    readonly which: "start" | "stop"
    readonly how: ProgramStep
}

/** How far a program is. `program`: its file, without arguments; of a door that runs the shell's words, these words. */
export type ProgramStep =
    | { readonly step: "began"; readonly program: string }
    | { readonly step: "ended"; readonly outcome: ProgramOutcome }
    /** Too many are waiting. */
    | { readonly step: "crowded" }
    /** Its stop cannot be noted, so it was not begun. */
    | { readonly step: "unnoted"; readonly detail: string }

/** How a program ended. */
export type ProgramOutcome =
    | { readonly ended: "exit"; readonly code: number }
    | { readonly ended: "signal"; readonly signal: string }
    | { readonly ended: "timeout" }
    /** It could not be run. */
    | { readonly ended: "error"; readonly detail: string }

/** What a line can be about that is left out under a flood. */
export type OmittedKind = "stage" | "timeout" | "late" | "spoiled" | "refused" | "paused" | "opened" | "used" | "closed"

/** So many lines of about so many sources, left out in `ms`; the most frequent kind first. */
export type Omitted = {
    readonly count: number
    readonly sources: number
    readonly ms: number
    readonly kinds: readonly { readonly kind: OmittedKind; readonly count: number }[]
}

/** Why a right knock opens nothing. */
export type RefusalCode =
    /** The door's `sources` do not hold it. */
    | "source"
    /** As many grants of this source's network are open as one may have. */
    | "share"
    /** As many grants are open as are allowed. */
    | "grants"
    /** The firewall refused. */
    | "firewall"
    /** Its sequence is good for one knock, and was used before, or it cannot be noted that it is used now. */
    | "used"
    /** It cannot be kept that its one-time sequence is used now, so it opens nothing. */
    | "state"
    /** It has opened the door a short time ago, and the door has a cooldown (spec/knockd.md). */
    | "cooldown"
