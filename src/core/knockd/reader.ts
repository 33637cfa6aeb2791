/** Reads a knockd.conf line by line, in one pass, as knockd does: what comes first decides, also which mistake it tells. */
import type { FoundFile, Heard, KnockdDoor, KnockdOptions, KnockdReading, KnockdSurvey, Spent } from "./conf.ts"
import { ALIASES, DIRECTIVES, EXTRAS, FLAGS, OPTIONS, TEXTS } from "./keys.ts"
import { readNumber } from "./number.ts"
import type { Fault, Oddity } from "./oddities.ts"
import { noneLeftText, readOneTimeFile } from "./one-time.ts"
import { readSequence, sequenceText } from "./sequence.ts"
import { lower, type Piece, trimmed, upper } from "./text.ts"

/** knockd's: what is kept of the name of a section, of that of a door, and of an interface. */
const SECTION_MOST = 254
const NAME_MOST = 127
const INTERFACE_MOST = 31

/** knockd's, in seconds. */
const SEQ_TIMEOUT = 25
const CMD_TIMEOUT = 10

const NEW: Omit<KnockdDoor, "name" | "line"> = {
    hits: [],
    oneTime: null,
    seqTimeout: SEQ_TIMEOUT,
    flags: { set: 0, clear: 0 },
    target: null,
    start: null,
    start6: null,
    cmdTimeout: CMD_TIMEOUT,
    stop: null,
    stop6: null,
    strict: false,
    cooldown: 0,
}

type Writable<T> = { -readonly [key in keyof T]: T[key] }
type Only<T, More extends string> = T extends infer One
    ? One extends T
        ? Omit<One, "line" | "door" | More>
        : never
    : never

export class Reader {
    readonly #files: ReadonlyMap<string, FoundFile>
    readonly #spent: Spent
    readonly #options: Writable<KnockdOptions>
    readonly #doors: Writable<KnockdDoor>[] = []
    readonly #names = new Set<string>()
    readonly #oddities: Oddity[] = []
    readonly #faults: Fault[] = []
    readonly #told: string[] = []
    readonly #warned: string[] = []
    /** Where the keys of each section stand. */
    readonly #optionPlaces = new Map<string, number>()
    readonly #doorPlaces: Map<string, number>[] = []
    /** As knockd counts, which takes the pieces of a long line for lines, and as it is. */
    #counted = 0
    #line = 0
    #goesOn = false
    /** The section that goes on; null: none has begun. */
    #section: "options" | Writable<KnockdDoor> | null = null
    /** Keys that this section has had. */
    #keys = new Set<string>()
    #stopped: Extract<KnockdReading, { readonly message: string }> | null = null
    readonly #wants = new Set<string>()

    constructor(files: ReadonlyMap<string, FoundFile>, named: string | null, spent: Spent) {
        this.#files = files
        this.#spent = spent
        this.#options = {
            useSyslog: false,
            logFile: null,
            pidFile: null,
            interface: named,
            allowDuplicates: false,
            strict: false,
            onStart: null,
            onStop: null,
        }
    }

    /** What knockd would have stopped at. */
    get stopped(): Extract<KnockdReading, { readonly message: string }> | null {
        return this.#stopped
    }

    /** Files that it would have looked into; what it has read without them does not count. */
    get wants(): readonly string[] {
        return [...this.#wants]
    }

    /** One line, or what knockd takes for one. */
    line(piece: Piece): void {
        this.#counted++
        this.#line = piece.line
        this.#goesOn = piece.goesOn
        const line = trimmed(piece.text)
        if (piece.cut) this.#odd({ odd: "long" })
        if (piece.hidden && !line.startsWith("#")) this.#odd({ odd: "nul" })
        if (line === "" || line.startsWith("#")) return
        const equals = line.indexOf("=")
        if (line.startsWith("[") && line.endsWith("]")) this.#begin(line.slice(1, -1))
        else if (this.#section === null) {
            this.#refuse("all directives must belong to a section", { fault: "no-section" })
        } else if (equals < 0) this.#word(trimmed(line))
        else this.#pair(this.#section, trimmed(line.slice(0, equals)), trimmed(line.slice(equals + 1)))
    }

    /** After the last line. */
    end(): void {
        for (const [i, door] of this.#doors.entries()) {
            const places = this.#doorPlaces[i]!
            // Where there is one, it was refused already, as a section without a name was.
            if (door.name === "" || door.hits.length > 0 || places.has("SEQUENCE") || places.has("ONE_TIME_SEQUENCES"))
                continue
            const message = `error: section '${door.name}' has an empty knock sequence`
            this.#fault({ line: door.line, door: door.name, message, fault: "no-sequence" })
        }
    }

    result(): KnockdReading {
        // Without a sequence are only those whose files are used up: others were refused.
        const doors = this.#doors.filter(({ hits }) => hits.length > 0)
        const spent = this.#doors.filter(({ hits }) => hits.length === 0)
        return { ok: true, conf: { options: this.#options, doors }, spent, ...this.#heard() }
    }

    survey(): KnockdSurvey {
        return {
            ok: true,
            conf: { options: this.#options, doors: this.#doors },
            oddities: this.#oddities,
            faults: this.#faults,
            places: { options: this.#optionPlaces, doors: this.#doorPlaces },
        }
    }

    #begin(name: string): void {
        this.#tell(`new section: '${name.slice(0, SECTION_MOST)}'`)
        if (name === "") {
            this.#section = null
            this.#refuse("bad section name", { fault: "section" })
        }
        this.#keys = new Set()
        if (name === "options") {
            this.#section = "options"
            return
        }
        const door = { ...NEW, name: name.slice(0, NAME_MOST), line: this.#line }
        const again = this.#names.has(door.name)
        this.#names.add(door.name)
        this.#doors.push(door)
        this.#doorPlaces.push(new Map())
        this.#section = door
        if (again) this.#odd({ odd: "again" })
        if (lower(name) === "options") this.#odd({ odd: "options" })
        if (name.length > NAME_MOST) this.#odd({ odd: "name" })
    }

    /** A key that takes no value. */
    #word(written: string): void {
        const word = upper(written)
        const section = this.#section
        if (word === "USESYSLOG") {
            if (section !== "options") this.#odd({ odd: "syslog" })
            this.#options.useSyslog = true
            this.#tell("usesyslog")
        } else if (word === "ALLOWDUPLICATES" && section === "options") {
            this.#extra(word, this.#optionPlaces)
            this.#options.allowDuplicates = true
            this.#tell("allowduplicates")
        } else if (word === "STRICT" && section !== null) {
            this.#extra(word, section === "options" ? this.#optionPlaces : this.#doorPlaces.at(-1)!)
            if (section === "options") this.#options.strict = true
            else section.strict = true
            this.#tell(section === "options" ? "strict" : `${section.name}: strict`)
        } else this.#unknown(written, false)
    }

    #extra(key: string, places: Map<string, number>): void {
        this.#odd({ odd: "extra", key })
        places.set(key, this.#line)
    }

    #pair(section: "options" | Writable<KnockdDoor>, written: string, value: string): void {
        const typed = upper(written)
        const key = ALIASES.get(typed) ?? typed
        if (!(section === "options" ? OPTIONS : DIRECTIVES).has(key)) {
            this.#unknown(written, true)
            return
        }
        this.#once(key, typed)
        if (EXTRAS.has(key)) this.#odd({ odd: "extra", key: typed })
        if (/[\t-\r ]#/.test(value)) this.#odd({ odd: "comment", key: typed })
        if (section === "options") this.#option(key, value)
        else this.#directive(section, key, typed, value)
    }

    /** A key comes: where it stands, and whether it was there before. */
    #once(key: string, typed: string): void {
        const counts = key === "INTERFACE" ? "first" : "last"
        if (this.#keys.has(key) && key !== "TCPFLAGS") this.#odd({ odd: "twice", key: typed, counts })
        this.#keys.add(key)
        const places = this.#section === "options" ? this.#optionPlaces : this.#doorPlaces.at(-1)!
        if (counts === "last" || !places.has(key)) places.set(key, this.#line)
    }

    #option(key: string, value: string): void {
        const { field, told } = OPTIONS.get(key)!
        let kept = value
        if (field === "interface") {
            // The first that is one counts, and that of the command line before it.
            if (this.#options.interface !== null && this.#options.interface !== "") return
            // A list is ours, and may be longer.
            kept = value.includes(",") ? value : value.slice(0, INTERFACE_MOST)
        }
        this.#options[field] = kept
        this.#tell(`${told}: ${kept}`)
    }

    #directive(door: Writable<KnockdDoor>, key: string, typed: string, value: string): void {
        const field = TEXTS.get(key)
        if (field !== undefined) {
            door[field] = value
            this.#tell(`${door.name}: ${lower(key)}: ${value}`)
        } else if (key === "SEQUENCE") this.#sequence(door, value)
        else if (key === "ONE_TIME_SEQUENCES") this.#oneTime(door, value)
        else if (key === "TCPFLAGS") this.#flags(door, value)
        else if (key === "SEQ_TIMEOUT") door.seqTimeout = this.#number(door, key, typed, value)
        else if (key === "SEQ_COOLDOWN") door.cooldown = this.#number(door, key, typed, value)
        else if (key === "CMD_TIMEOUT") door.cmdTimeout = this.#number(door, key, typed, value)
    }

    #sequence(door: Writable<KnockdDoor>, value: string): void {
        const reading = readSequence(value)
        if (!reading.ok) {
            const { fault, hit } = reading
            this.#wrong(`config: section ${door.name}: ${reading.message}`, { fault, hit })
            return
        }
        for (const oddity of reading.oddities) this.#odd(oddity)
        door.hits = reading.hits
        this.#tell(`${door.name}: sequence: ${sequenceText(reading.hits)}`)
    }

    #oneTime(door: Writable<KnockdDoor>, path: string): void {
        const file = this.#files.get(path)
        if (file === undefined) {
            this.#wants.add(path)
            return
        }
        if (!file.ok) {
            const message = path === "" ? file.detail : `${path}: ${file.detail}`
            this.#wrong(message, { fault: "unreadable", path, detail: file.detail })
            return
        }
        door.oneTime = path
        this.#tell(`${door.name}: one time sequences file: ${path}`)
        const { unused, bad } = readOneTimeFile(file.text)
        const [next] = unused
        for (const { at, line, ...fault } of bad) {
            this.#odd({ odd: "unusable", path, at: line, ...fault })
            // It reads no further than it must.
            if (next !== undefined && at > next.at) continue
            this.#warned.push(`config: section ${door.name}: ${fault.message}`)
        }
        if (next === undefined) {
            this.#tell(`no more sequences left in the one time sequences file ${path}`)
            door.hits = []
            if (this.#spent === "refused") this.#wrong(noneLeftText(door.name), { fault: "used-up", path })
            return
        }
        door.hits = next.hits
        const text = sequenceText(next.hits)
        this.#told.push(`new sequence for door ${door.name}: ${text}`)
        this.#tell(`${door.name}: sequence: ${text}`)
    }

    #number(door: KnockdDoor, key: string, typed: string, value: string): number {
        const { value: number, odd } = readNumber(value)
        if (odd) this.#odd({ odd: "number", key: typed, text: value, value: number })
        this.#tell(`${door.name}: ${lower(key)}: ${number}`)
        return number
    }

    #flags(door: Writable<KnockdDoor>, value: string): void {
        let { set, clear } = door.flags
        for (const word of upper(value).split(",")) {
            const not = word.startsWith("!")
            const bit = FLAGS.get(not ? word.slice(1) : word)
            if (bit === undefined) {
                this.#refuse(`unrecognized flag "${word}"`, { fault: "flag", flag: word })
                return
            }
            if (not) clear |= bit
            else set |= bit
            this.#tell(`tcp flag: ${word}`)
        }
        door.flags = { set, clear }
        if ((set & clear) !== 0) this.#odd({ odd: "flags" })
    }

    #unknown(key: string, value: boolean): void {
        this.#refuse("syntax error", { fault: "key", key, value, goesOn: this.#goesOn })
    }

    #odd(what: Only<Oddity, never>): void {
        this.#oddities.push({ line: this.#line, door: this.#door(), ...what })
    }

    #door(): string | null {
        return this.#section === null || this.#section === "options" ? null : this.#section.name
    }

    #tell(what: string): void {
        this.#told.push(`config: ${what}`)
    }

    #refuse(what: string, fault: Only<Fault, "message">): void {
        this.#wrong(`config: line ${this.#counted}: ${what}`, fault)
    }

    #wrong(message: string, fault: Only<Fault, "message">): void {
        this.#fault({ line: this.#line, door: this.#door(), ...fault, message })
    }

    #fault(fault: Fault): void {
        this.#faults.push(fault)
        const { line, message } = fault
        this.#stopped ??= { ok: false, line, message, ...this.#heard() }
    }

    #heard(): Heard {
        return { oddities: this.#oddities, told: this.#told, warned: this.#warned }
    }
}
