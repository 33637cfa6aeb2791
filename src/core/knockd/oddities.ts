/** What can be said of a knockd.conf: what knockd takes without a word, and why it refuses one. */
import type { SequenceFault, SequenceOddity } from "./sequence.ts"

/** What knockd takes without a word, although nobody can have meant it. `line`: from 1. */
export type Oddity = { readonly line: number; readonly door: string | null } & (
    | SequenceOddity
    /** A number with something else in it, or none at all: it counts as this one. */
    | { readonly odd: "number"; readonly key: string; readonly text: string; readonly value: number }
    /** A directive that we have and knockd has not: it refuses the line. */
    | { readonly odd: "extra"; readonly key: string }
    /** `#` begins no comment behind a value. */
    | { readonly odd: "comment"; readonly key: string }
    /** A line of more bytes than knockd reads at once: the rest is a line of its own. */
    | { readonly odd: "long" }
    /** What stands behind a NUL is not seen. */
    | { readonly odd: "nul" }
    /** A section of this name was there before: both are doors. */
    | { readonly odd: "again" }
    /** `[Options]` is a door. */
    | { readonly odd: "options" }
    /** The name of a section is longer than knockd keeps it. */
    | { readonly odd: "name" }
    /** `UseSyslog` stands in a door: it is an option all the same. */
    | { readonly odd: "syslog" }
    /** The same key, or its other name, was there before in this section: only one of them counts. */
    | { readonly odd: "twice"; readonly key: string; readonly counts: "first" | "last" }
    /** A flag that must be set and must not. */
    | { readonly odd: "flags" }
    /** A line of a file of one-time sequences is no sequence: it is left out. */
    | ({ readonly odd: "unusable"; readonly path: string; readonly at: number } & SequenceFault)
)

/** Why knockd refuses a file. `line`: from 1; `message`: in its words. */
export type Fault = { readonly line: number; readonly door: string | null; readonly message: string } & (
    | SequenceFault
    | { readonly fault: "section" }
    | { readonly fault: "no-section" }
    /** `key`: as it was written. `value`: there is a `=`. `goes on`: of a line that is too long, and not its beginning. */
    | { readonly fault: "key"; readonly key: string; readonly value: boolean; readonly goesOn: boolean }
    | { readonly fault: "flag"; readonly flag: string }
    | { readonly fault: "no-sequence" }
    | { readonly fault: "unreadable"; readonly path: string; readonly detail: string }
    | { readonly fault: "used-up"; readonly path: string }
)
