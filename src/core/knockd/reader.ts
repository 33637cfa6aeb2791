/** Reads a knockd.conf line by line, in one pass, as knockd does: what comes first decides, also which mistake it tells. */
import type { FoundFile, KnockdDoor, KnockdOptions, KnockdReading, KnockdSurvey, Spent } from "./conf.ts"
import { Directives, type Writable } from "./directives.ts"
import { Hearing, type Stopped } from "./hearing.ts"
import { ALIASES, DIRECTIVES, EXTRAS, OPTIONS } from "./keys.ts"
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

export class Reader {
    readonly #options: Writable<KnockdOptions>
    readonly #doors: Writable<KnockdDoor>[] = []
    readonly #names = new Set<string>()
    readonly #hearing = new Hearing()
    readonly #directives: Directives
    /** Where the keys of each section stand. */
    readonly #optionPlaces = new Map<string, number>()
    readonly #doorPlaces: Map<string, number>[] = []
    #goesOn = false
    /** The section that goes on; null: none has begun. */
    #section: "options" | Writable<KnockdDoor> | null = null
    /** Keys that this section has had. */
    #keys = new Set<string>()

    constructor(files: ReadonlyMap<string, FoundFile>, named: string | null, spent: Spent) {
        this.#directives = new Directives(files, spent, this.#hearing)
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
    get stopped(): Stopped | null {
        return this.#hearing.stopped
    }

    /** Files that it would have looked into; what it has read without them does not count. */
    get wants(): readonly string[] {
        return [...this.#hearing.wants]
    }

    /** One line, or what knockd takes for one. */
    line(piece: Piece): void {
        this.#hearing.begin(piece.line)
        this.#goesOn = piece.goesOn
        const line = trimmed(piece.text)
        if (piece.cut) this.#hearing.odd({ odd: "long" })
        if (piece.hidden && !line.startsWith("#")) this.#hearing.odd({ odd: "nul" })
        if (line === "" || line.startsWith("#")) return
        const equals = line.indexOf("=")
        if (line.startsWith("[") && line.endsWith("]")) this.#begin(line.slice(1, -1))
        else if (this.#section === null) {
            this.#hearing.refuse("all directives must belong to a section", { fault: "no-section" })
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
            this.#hearing.fault({ line: door.line, door: door.name, message, fault: "no-sequence" })
        }
    }

    result(): KnockdReading {
        return { ok: true, conf: { options: this.#options, doors: this.#doors }, ...this.#hearing.heard() }
    }

    survey(): KnockdSurvey {
        return {
            ok: true,
            conf: { options: this.#options, doors: this.#doors },
            oddities: this.#hearing.oddities,
            faults: this.#hearing.faults,
            places: { options: this.#optionPlaces, doors: this.#doorPlaces },
        }
    }

    #begin(name: string): void {
        this.#hearing.tell(`new section: '${name.slice(0, SECTION_MOST)}'`)
        if (name === "") {
            this.#stand(null)
            this.#hearing.refuse("bad section name", { fault: "section" })
        }
        this.#keys = new Set()
        if (name === "options") {
            this.#stand("options")
            return
        }
        const door = { ...NEW, name: name.slice(0, NAME_MOST), line: this.#hearing.line }
        const again = this.#names.has(door.name)
        this.#names.add(door.name)
        this.#doors.push(door)
        this.#doorPlaces.push(new Map())
        this.#stand(door)
        if (again) this.#hearing.odd({ odd: "again" })
        if (lower(name) === "options") this.#hearing.odd({ odd: "options" })
        if (name.length > NAME_MOST) this.#hearing.odd({ odd: "name" })
    }

    /** What follows stands in this section. */
    #stand(section: "options" | Writable<KnockdDoor> | null): void {
        this.#section = section
        this.#hearing.door = section === null || section === "options" ? null : section.name
    }

    /** A key that takes no value. */
    #word(written: string): void {
        const word = upper(written)
        const section = this.#section
        if (word === "USESYSLOG") {
            if (section !== "options") this.#hearing.odd({ odd: "syslog" })
            this.#options.useSyslog = true
            this.#hearing.tell("usesyslog")
        } else if (word === "ALLOWDUPLICATES" && section === "options") {
            this.#extra(word, this.#optionPlaces)
            this.#options.allowDuplicates = true
            this.#hearing.tell("allowduplicates")
        } else if (word === "STRICT" && section !== null) {
            this.#extra(word, section === "options" ? this.#optionPlaces : this.#doorPlaces.at(-1)!)
            if (section === "options") this.#options.strict = true
            else section.strict = true
            this.#hearing.tell(section === "options" ? "strict" : `${section.name}: strict`)
        } else this.#unknown(written, false)
    }

    #extra(key: string, places: Map<string, number>): void {
        this.#hearing.odd({ odd: "extra", key })
        places.set(key, this.#hearing.line)
    }

    #pair(section: "options" | Writable<KnockdDoor>, written: string, value: string): void {
        const typed = upper(written)
        const key = ALIASES.get(typed) ?? typed
        if (!(section === "options" ? OPTIONS : DIRECTIVES).has(key)) {
            this.#unknown(written, true)
            return
        }
        this.#once(key, typed)
        if (EXTRAS.has(key)) this.#hearing.odd({ odd: "extra", key: typed })
        if (/[\t-\r ]#/.test(value)) this.#hearing.odd({ odd: "comment", key: typed })
        if (section === "options") this.#option(key, value)
        else this.#directives.take(section, key, typed, value)
    }

    /** A key comes: where it stands, and whether it was there before. */
    #once(key: string, typed: string): void {
        const counts = key === "INTERFACE" ? "first" : "last"
        if (this.#keys.has(key) && key !== "TCPFLAGS") this.#hearing.odd({ odd: "twice", key: typed, counts })
        this.#keys.add(key)
        const places = this.#section === "options" ? this.#optionPlaces : this.#doorPlaces.at(-1)!
        if (counts === "last" || !places.has(key)) places.set(key, this.#hearing.line)
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
        this.#hearing.tell(`${told}: ${kept}`)
    }

    #unknown(key: string, value: boolean): void {
        this.#hearing.refuse("syntax error", { fault: "key", key, value, goesOn: this.#goesOn })
    }
}
