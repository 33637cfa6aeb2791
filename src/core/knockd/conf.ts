/**
 * knockd.conf, read as knockd 0.8 reads it: what it takes is taken, what it refuses is refused with its words and at
 * its place, and what it takes without a word although nobody can have meant it is an oddity (spec/knockd.md).
 */
import type { Hit, TcpFlags } from "../knock/hit.ts"
import type { Fault, Oddity } from "./oddities.ts"
import { Reader } from "./reader.ts"
import { pieces } from "./text.ts"

/** Everything in one file. */
export type KnockdConf = {
    readonly options: KnockdOptions
    /** In the order of the file; names can come twice. */
    readonly doors: readonly KnockdDoor[]
}

/** `[options]`. Null: not said. */
export type KnockdOptions = {
    readonly useSyslog: boolean
    readonly logFile: string | null
    readonly pidFile: string | null
    readonly interface: string | null
    /** Ours: a hit that repeats the last one is no mistake; every other hit ends an attempt, at all doors. */
    readonly allowDuplicates: boolean
    readonly strict: boolean
    /** Ours: shell commands for the beginning and the end of the daemon. */
    readonly onStart: string | null
    readonly onStop: string | null
}

/** One section that is not `[options]`. */
export type KnockdDoor = {
    readonly name: string
    /** The line of its `[name]`, from 1. */
    readonly line: number
    /** Empty: its file of one-time sequences has none left. Nobody can knock, and its stops still run. */
    readonly hits: readonly Hit[]
    /** The file whose first unused line is the sequence. */
    readonly oneTime: string | null
    /** Seconds, as they were read: 0 and below leave no time at all. */
    readonly seqTimeout: number
    readonly flags: TcpFlags
    /** A destination address in place of the interface's own. */
    readonly target: string | null
    /** Shell commands; "" where the key has no value. */
    readonly start: string | null
    readonly start6: string | null
    readonly cmdTimeout: number
    readonly stop: string | null
    readonly stop6: string | null
    /** Ours: every other hit ends an attempt at this door. */
    readonly strict: boolean
    /** Ours: seconds in which a source that has opened the door does not open it again; 0 and below: none. */
    readonly cooldown: number
}

/** A file of one-time sequences as it was found; not `ok`: it cannot be opened, in the words of the system. */
export type FoundFile = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly detail: string }

/** What came of reading, up to the end or to the first mistake. */
export type Heard = {
    readonly oddities: readonly Oddity[]
    /** What knockd says with `-D` while it reads. */
    readonly told: readonly string[]
    /** What it says on standard error, and goes on. */
    readonly warned: readonly string[]
}

export type KnockdReading =
    | (Heard & { readonly ok: true; readonly conf: KnockdConf })
    /** The first mistake, in knockd's words; it looks no further. */
    | (Heard & { readonly ok: false; readonly line: number; readonly message: string })
    | Wants

/** These files of one-time sequences have to be read first, each once: all that are named before the first mistake. */
type Wants = { readonly ok: false; readonly wants: readonly string[] }

/** What becomes of a configuration when a door's file of one-time sequences holds no unused one. */
export type Spent = "refused" | "taken"

/** Where the directives stand that count, as lines from 1, by their first names in capitals. */
export type Places = ReadonlyMap<string, number>

/** A file read to its end, with every mistake. */
export type KnockdSurvey = {
    readonly ok: true
    /** A door whose sequence is missing or wrong has no hits. */
    readonly conf: KnockdConf
    readonly oddities: readonly Oddity[]
    readonly faults: readonly Fault[]
    readonly places: { readonly options: Places; readonly doors: readonly Places[] }
}

/**
 * Reads a whole file, one character per byte. `files`: the files of one-time sequences that are known already, by the
 * path that the configuration has for them; whoever calls reads what is wanted and calls again. `named`: the interface
 * that the command line names, if it does; those of the file do not count then. `spent`: what becomes of a file whose door
 * has no one-time sequence left; knockd refuses it.
 */
export function readKnockdConf(
    text: string,
    files: ReadonlyMap<string, FoundFile>,
    named: string | null = null,
    spent: Spent = "refused",
): KnockdReading {
    const reader = new Reader(files, named, spent)
    for (const piece of pieces(text)) {
        reader.line(piece)
        if (reader.stopped !== null) break
    }
    if (reader.wants.length > 0) return { ok: false, wants: reader.wants }
    if (reader.stopped === null) reader.end()
    return reader.stopped ?? reader.result()
}

/** Reads a whole file as `readKnockdConf` does, and does not stop at a mistake: the line that has it counts for nothing. */
export function surveyKnockdConf(text: string, files: ReadonlyMap<string, FoundFile>): KnockdSurvey | Wants {
    const reader = new Reader(files, null, "refused")
    for (const piece of pieces(text)) reader.line(piece)
    if (reader.wants.length > 0) return { ok: false, wants: reader.wants }
    reader.end()
    return reader.survey()
}
