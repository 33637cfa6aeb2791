/**
 * knockd.conf, read as knockd 0.8 reads it: what it takes is taken, what it refuses is refused with its words and at
 * its place, and what it takes without a word although nobody can have meant it is an oddity (spec/knockd.md).
 */
import type { Hit, TcpFlags } from "../knock/hit.ts"
import { ACK, FIN, PSH, RST, SYN, URG } from "../net/packet.ts"
import { readNumber } from "./number.ts"
import { readOneTimeFile } from "./one-time.ts"
import { readSequence, type SequenceOddity, sequenceText } from "./sequence.ts"
import { lower, type Piece, pieces, trimmed, upper } from "./text.ts"

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
}

/** One section that is not `[options]`. */
export type KnockdDoor = {
    readonly name: string
    /** The line of its `[name]`, from 1. */
    readonly line: number
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
}

/** What knockd takes without a word. `line`: from 1. */
export type Oddity = { readonly line: number; readonly door: string | null } & (
    | SequenceOddity
    /** A number with something else in it, or none at all: it counts as this one. */
    | { readonly odd: "number"; readonly key: string; readonly text: string; readonly value: number }
    /** `#` begins no comment behind a value. */
    | { readonly odd: "comment"; readonly key: string }
    /** A line of more bytes than knockd reads at once: the rest is a line of its own. */
    | { readonly odd: "long" }
    /** A section of this name was there before: both are doors. */
    | { readonly odd: "again" }
    /** `[Options]` is a door. */
    | { readonly odd: "options" }
    /** The same key, or its other name, was there before in this section: only one of them counts. */
    | { readonly odd: "twice"; readonly key: string; readonly counts: "first" | "last" }
    /** A flag that must be set and must not. */
    | { readonly odd: "flags" }
    /** A line of a file of one-time sequences is no sequence: it is left out. */
    | { readonly odd: "unusable"; readonly path: string; readonly at: number; readonly message: string }
)

/** A file of one-time sequences as it was found; not `ok`: it cannot be opened, in the words of the system. */
export type FoundFile = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly detail: string }

/** What came of reading, up to the end or to the first mistake. */
type Heard = {
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
    /** This file of one-time sequences has to be read first. */
    | { readonly ok: false; readonly wants: string }

/** knockd's: what is kept of the name of a section, of that of a door, and of an interface. */
const SECTION_MOST = 254
const NAME_MOST = 127
const INTERFACE_MOST = 31

const FLAGS = new Map([
    ["FIN", FIN],
    ["SYN", SYN],
    ["RST", RST],
    ["PSH", PSH],
    ["ACK", ACK],
    ["URG", URG],
])

/** Keys that have another name. */
const ALIASES = new Map([
    ["TIMEOUT", "SEQ_TIMEOUT"],
    ["COMMAND", "START_COMMAND"],
    ["COMMAND_6", "START_COMMAND_6"],
])

const NO_FLAGS: TcpFlags = { set: 0, clear: 0 }

/** knockd's, in seconds. */
const SEQ_TIMEOUT = 25
const CMD_TIMEOUT = 10

/**
 * Reads a whole file, one character per byte. `files`: the files of one-time sequences that are known already, by the
 * path that the configuration has for them; whoever calls reads what is wanted and calls again. `named`: the interface
 * that the command line names, if it does; those of the file do not count then.
 */
export function readKnockdConf(
    text: string,
    files: ReadonlyMap<string, FoundFile>,
    named: string | null = null,
): KnockdReading {
    const reader = new Reader(files, named)
    for (const piece of pieces(text)) {
        const refused = reader.line(piece)
        if (refused !== null) return refused
    }
    return reader.end()
}

type Writable<T> = { -readonly [key in keyof T]: T[key] }
type Refused = Extract<KnockdReading, { ok: false }>
type What = Oddity extends infer One ? (One extends Oddity ? Omit<One, "line" | "door"> : never) : never

/** Reads a file line by line, in one pass: what comes first decides, also which mistake is told. */
class Reader {
    readonly #files: ReadonlyMap<string, FoundFile>
    readonly #options: Writable<KnockdOptions>
    readonly #doors: Writable<KnockdDoor>[] = []
    readonly #oddities: Oddity[] = []
    readonly #told: string[] = []
    readonly #warned: string[] = []
    /** As knockd counts, which takes the pieces of a long line for lines, and as it is. */
    #counted = 0
    #line = 0
    /** The section that goes on; null: none has begun. */
    #section: "options" | Writable<KnockdDoor> | null = null
    /** Keys that this section has had. */
    #keys = new Set<string>()

    constructor(files: ReadonlyMap<string, FoundFile>, named: string | null) {
        this.#files = files
        this.#options = { useSyslog: false, logFile: null, pidFile: null, interface: named }
    }

    /** One line, or what knockd takes for one. Null: go on. */
    line(piece: Piece): Refused | null {
        this.#counted++
        this.#line = piece.line
        const line = trimmed(piece.text)
        if (piece.cut) this.odd({ odd: "long" })
        if (line === "" || line.startsWith("#")) return null
        if (line.startsWith("[") && line.endsWith("]")) return this.#begin(line.slice(1, -1))
        if (this.#section === null) return this.#refuse("all directives must belong to a section")
        const equals = line.indexOf("=")
        const key = upper(trimmed(equals < 0 ? line : line.slice(0, equals)))
        if (equals < 0) return this.#word(key)
        const value = trimmed(line.slice(equals + 1))
        this.#once(key)
        if (/[\t-\r ]#/.test(value)) this.odd({ odd: "comment", key })
        return this.#section === "options" ? this.#option(key, value) : this.#directive(this.#section, key, value)
    }

    /** After the last line. */
    end(): KnockdReading {
        const deaf = this.#doors.find(({ hits }) => hits.length === 0)
        if (deaf !== undefined) {
            return this.#stop(`error: section '${deaf.name}' has an empty knock sequence`, deaf.line)
        }
        return { ok: true, conf: { options: this.#options, doors: this.#doors }, ...this.#heard() }
    }

    odd(what: What): void {
        const door = this.#section === null || this.#section === "options" ? null : this.#section.name
        this.#oddities.push({ line: this.#line, door, ...what })
    }

    #begin(name: string): Refused | null {
        this.#tell(`new section: '${name.slice(0, SECTION_MOST)}'`)
        if (name === "") return this.#refuse("bad section name")
        this.#keys = new Set()
        if (name === "options") {
            this.#section = "options"
            return null
        }
        const door = { ...NEW, name: name.slice(0, NAME_MOST), line: this.#line }
        const again = this.#doors.some((other) => other.name === door.name)
        this.#doors.push(door)
        this.#section = door
        if (again) this.odd({ odd: "again" })
        if (lower(name) === "options") this.odd({ odd: "options" })
        return null
    }

    /** A key that takes no value. */
    #word(key: string): Refused | null {
        if (key !== "USESYSLOG") return this.#refuse("syntax error")
        this.#options.useSyslog = true
        this.#tell("usesyslog")
        return null
    }

    #once(key: string): void {
        const same = ALIASES.get(key) ?? key
        const counts = same === "INTERFACE" ? "first" : "last"
        if (this.#keys.has(same) && same !== "TCPFLAGS") this.odd({ odd: "twice", key, counts })
        this.#keys.add(same)
    }

    #option(key: string, value: string): Refused | null {
        switch (key) {
            case "LOGFILE":
                this.#options.logFile = value
                this.#tell(`log file: ${value}`)
                return null
            case "PIDFILE":
                this.#options.pidFile = value
                this.#tell(`pid file: ${value}`)
                return null
            case "INTERFACE":
                // The first that is one counts, and that of the command line before it.
                if (this.#options.interface !== null && this.#options.interface !== "") return null
                this.#options.interface = value.slice(0, INTERFACE_MOST)
                this.#tell(`interface: ${this.#options.interface}`)
                return null
        }
        return this.#refuse("syntax error")
    }

    #directive(door: Writable<KnockdDoor>, key: string, value: string): Refused | null {
        const told = (name: string) => this.#tell(`${door.name}: ${name}: ${value}`)
        switch (key) {
            case "SEQUENCE":
                return this.#sequence(door, value)
            case "ONE_TIME_SEQUENCES":
                return this.#oneTime(door, value)
            case "SEQ_TIMEOUT":
            case "TIMEOUT":
                door.seqTimeout = this.#number(door, "seq_timeout", key, value)
                return null
            case "CMD_TIMEOUT":
                door.cmdTimeout = this.#number(door, "cmd_timeout", key, value)
                return null
            case "TCPFLAGS":
                return this.#flags(door, value)
            case "TARGET":
                door.target = value
                told("target")
                return null
            case "START_COMMAND":
            case "COMMAND":
                door.start = value
                told("start_command")
                return null
            case "START_COMMAND_6":
            case "COMMAND_6":
                door.start6 = value
                told("start_command_6")
                return null
            case "STOP_COMMAND":
                door.stop = value
                told("stop_command")
                return null
            case "STOP_COMMAND_6":
                door.stop6 = value
                told("stop_command_6")
                return null
        }
        return this.#refuse("syntax error")
    }

    #sequence(door: Writable<KnockdDoor>, value: string): Refused | null {
        const reading = readSequence(value)
        if (!reading.ok) return this.#stop(`config: section ${door.name}: ${reading.message}`)
        for (const oddity of reading.oddities) this.odd(oddity)
        door.hits = reading.hits
        this.#tell(`${door.name}: sequence: ${sequenceText(reading.hits)}`)
        return null
    }

    #oneTime(door: Writable<KnockdDoor>, path: string): Refused | null {
        const file = this.#files.get(path)
        if (file === undefined) return { ok: false, wants: path }
        if (!file.ok) return this.#stop(path === "" ? file.detail : `${path}: ${file.detail}`)
        door.oneTime = path
        this.#tell(`${door.name}: one time sequences file: ${path}`)
        const { unused, bad } = readOneTimeFile(file.text)
        const [next] = unused
        for (const { line, message } of bad) {
            this.odd({ odd: "unusable", path, at: line, message })
            // It reads no further than it must.
            if (next === undefined || line < next.line) this.#warned.push(`config: section ${door.name}: ${message}`)
        }
        if (next === undefined) {
            this.#tell(`no more sequences left in the one time sequences file ${path}`)
            return this.#stop(noneLeftText(door.name))
        }
        door.hits = next.hits
        const text = sequenceText(next.hits)
        this.#told.push(`new sequence for door ${door.name}: ${text}`)
        this.#tell(`${door.name}: sequence: ${text}`)
        return null
    }

    #number(door: KnockdDoor, name: string, key: string, value: string): number {
        const { value: number, odd } = readNumber(value)
        if (odd) this.odd({ odd: "number", key, text: value, value: number })
        this.#tell(`${door.name}: ${name}: ${number}`)
        return number
    }

    #flags(door: Writable<KnockdDoor>, value: string): Refused | null {
        let { set, clear } = door.flags
        for (const word of upper(value).split(",")) {
            const not = word.startsWith("!")
            const bit = FLAGS.get(not ? word.slice(1) : word)
            if (bit === undefined) return this.#refuse(`unrecognized flag "${word}"`)
            if (not) clear |= bit
            else set |= bit
            this.#tell(`tcp flag: ${word}`)
        }
        door.flags = { set, clear }
        if ((set & clear) !== 0) this.odd({ odd: "flags" })
        return null
    }

    #tell(what: string): void {
        this.#told.push(`config: ${what}`)
    }

    #refuse(what: string): Refused {
        return this.#stop(`config: line ${this.#counted}: ${what}`)
    }

    #stop(message: string, line = this.#line): Refused {
        return { ok: false, line, message, ...this.#heard() }
    }

    #heard(): Heard {
        return { oddities: this.#oddities, told: this.#told, warned: this.#warned }
    }
}

/** What knockd says when a file of one-time sequences is used up. */
export function noneLeftText(door: string): string {
    return `no more sequences left in the one time sequences file for door ${door} --> disabling the door`
}

const NEW: Omit<KnockdDoor, "name" | "line"> = {
    hits: [],
    oneTime: null,
    seqTimeout: SEQ_TIMEOUT,
    flags: NO_FLAGS,
    target: null,
    start: null,
    start6: null,
    cmdTimeout: CMD_TIMEOUT,
    stop: null,
    stop6: null,
}
