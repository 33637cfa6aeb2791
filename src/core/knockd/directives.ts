/** The directives of a door, each with its value. */
import type { FoundFile, KnockdDoor, Spent } from "./conf.ts"
import type { Hearing } from "./hearing.ts"
import { FLAGS, TEXTS } from "./keys.ts"
import { readNumber } from "./number.ts"
import { noneLeftText, readOneTimeFile } from "./one-time.ts"
import { readSequence, sequenceText } from "./sequence.ts"
import { lower, upper } from "./text.ts"

/** What is filled while it is read. */
export type Writable<T> = { -readonly [key in keyof T]: T[key] }

/** See the head of the file. */
export class Directives {
    readonly #files: ReadonlyMap<string, FoundFile>
    readonly #spent: Spent
    readonly #hearing: Hearing

    constructor(files: ReadonlyMap<string, FoundFile>, spent: Spent, hearing: Hearing) {
        this.#files = files
        this.#spent = spent
        this.#hearing = hearing
    }

    /** One of them. `typed`: the name that it was written by, in capitals. */
    take(door: Writable<KnockdDoor>, key: string, typed: string, value: string): void {
        const field = TEXTS.get(key)
        if (field !== undefined) {
            door[field] = value
            this.#hearing.tell(`${door.name}: ${lower(key)}: ${value}`)
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
            this.#hearing.wrong(`config: section ${door.name}: ${reading.message}`, { fault, hit })
            return
        }
        for (const oddity of reading.oddities) this.#hearing.odd(oddity)
        door.hits = reading.hits
        this.#hearing.tell(`${door.name}: sequence: ${sequenceText(reading.hits)}`)
    }

    #oneTime(door: Writable<KnockdDoor>, path: string): void {
        const file = this.#files.get(path)
        if (file === undefined) {
            this.#hearing.wants.add(path)
            return
        }
        if (!file.ok) {
            const message = path === "" ? file.detail : `${path}: ${file.detail}`
            this.#hearing.wrong(message, { fault: "unreadable", path, detail: file.detail })
            return
        }
        door.oneTime = path
        this.#hearing.tell(`${door.name}: one time sequences file: ${path}`)
        const { unused, bad } = readOneTimeFile(file.text)
        const [next] = unused
        for (const { at, line, ...fault } of bad) {
            this.#hearing.odd({ odd: "unusable", path, at: line, ...fault })
            // It reads no further than it must.
            if (next !== undefined && at > next.at) continue
            this.#hearing.warn(`config: section ${door.name}: ${fault.message}`)
        }
        if (next === undefined) {
            this.#hearing.tell(`no more sequences left in the one time sequences file ${path}`)
            door.hits = []
            if (this.#spent === "refused") this.#hearing.wrong(noneLeftText(door.name), { fault: "used-up", path })
            return
        }
        door.hits = next.hits
        const text = sequenceText(next.hits)
        this.#hearing.say(`new sequence for door ${door.name}: ${text}`)
        this.#hearing.tell(`${door.name}: sequence: ${text}`)
    }

    #number(door: KnockdDoor, key: string, typed: string, value: string): number {
        const { value: number, odd } = readNumber(value)
        if (odd) this.#hearing.odd({ odd: "number", key: typed, text: value, value: number })
        this.#hearing.tell(`${door.name}: ${lower(key)}: ${number}`)
        return number
    }

    #flags(door: Writable<KnockdDoor>, value: string): void {
        let { set, clear } = door.flags
        for (const word of upper(value).split(",")) {
            const not = word.startsWith("!")
            const bit = FLAGS.get(not ? word.slice(1) : word)
            if (bit === undefined) {
                this.#hearing.refuse(`unrecognized flag "${word}"`, { fault: "flag", flag: word })
                return
            }
            if (not) clear |= bit
            else set |= bit
            this.#hearing.tell(`tcp flag: ${word}`)
        }
        door.flags = { set, clear }
        if ((set & clear) !== 0) this.#hearing.odd({ odd: "flags" })
    }
}
