/**
 * How knockd 0.8 matches, as an observer sees it: one list of attempts for all sources and doors, the oldest first, whole
 * seconds, and a process for every start. Each `Cure` mends one fault of it. With none of them this is knockd, with all of
 * them it is ours. Times are milliseconds.
 */
import {
    type Cure,
    commandText,
    Door,
    flagsFit,
    isSameView,
    isSix,
    type ModelCommand,
    type ModelDoor,
    type ModelPacket,
} from "./knockd-model-doors.ts"
import { OneTimeText } from "./knockd-one-time.ts"

/** The same again so soon is a repeat. */
const REPEAT_MS = 1500

type Hit = { readonly hit: string; readonly mark: number; at: number }

/** A source at a door: what it has sent since a knock of it was whole, and whether it was told of what it began. */
type Place = { hits: Hit[]; quiet: boolean }

type Attempt = {
    readonly source: string
    readonly door: Door
    readonly place: Place
    /** Those that count: the beginning of the sequence. */
    hits: readonly Hit[]
    failed: boolean
    /** When the first of them came. */
    began: number
}

type Stop = { readonly door: ModelDoor; readonly source: string; readonly command: ModelCommand; due: number }

/** See the head of the file. */
export class KnockdModel {
    /** Lines of the log, with `\n` behind those that an empty line follows; those that its children write. */
    readonly log: string[] = []
    readonly programs: string[] = []
    /** What commands wrote. */
    readonly commands: string[] = []
    readonly files: Map<string, OneTimeText>
    alive = true
    /** One-time sequences that were used. */
    used = 0
    readonly #cures: ReadonlySet<Cure>
    #doors: Door[]
    #attempts: Attempt[] = []
    #places = new Map<string, Place>()
    #stops: Stop[] = []
    /** Begun by the packet at hand. */
    #begun: Attempt[] = []
    #wentOn = false
    /** Files of which the packet at hand has used a sequence. */
    readonly #spent = new Set<string>()

    constructor(doors: readonly ModelDoor[], files: Readonly<Record<string, string>>, cures: readonly Cure[]) {
        this.#cures = new Set(cures)
        this.files = new Map(Object.entries(files).map(([name, text]) => [name, new OneTimeText(text)]))
        this.#doors = this.#read(doors)
    }

    /** It is so late now. */
    tick(now: number): void {
        for (const stop of this.#stops.filter(({ due }) => due <= now)) {
            this.programs.push(`${stop.source}: ${stop.door.name}: command timeout`)
            this.#run(stop.door, stop.source, stop.command)
        }
        this.#stops = this.#stops.filter(({ due }) => due > now)
        if (!this.alive || !this.#cures.has("timeouts when they happen")) return
        if (this.#attempts.some((one) => !isOver(one) && this.#isLate(one, now))) this.#purge(now)
    }

    /** A packet comes. */
    packet(packet: ModelPacket, now: number): void {
        this.tick(now)
        if (!this.alive || !this.#doors.some((door) => door.passes(packet))) return
        this.#purge(now)
        if (this.#cures.has("doors apart")) {
            for (const door of this.#doors) {
                if (!door.sees(packet) || !door.hits.includes(packet.hit)) continue
                this.#visit(door, packet, now)
                if (!this.alive) return
            }
            // Who goes on at one door did not mean to begin at another.
            for (const attempt of this.#begun) {
                if (this.#wentOn) attempt.place.quiet = true
                else this.#stage(attempt)
            }
            this.#begun = []
            this.#wentOn = false
            this.#rollAll(now)
            return
        }
        const found = this.#attempts.filter(({ source, door }) => source === packet.source && door.isTo(packet))
        if (found.length === 0) {
            for (const door of this.#doors) if (this.alive && door.sees(packet)) this.#visit(door, packet, now)
        } else {
            for (const attempt of found) {
                if (this.alive && flagsFit(attempt.door.is.flags, packet)) this.#goOn(attempt, packet, now)
            }
        }
        this.#rollAll(now)
    }

    /** SIGHUP, with this configuration; null: a mistake, which is complained of so. */
    reload(doors: readonly ModelDoor[] | null, mistake: string, now: number): void {
        this.tick(now)
        if (!this.alive) return
        this.log.push("re-reading config file: @DIR@/conf\n")
        if (doors === null) {
            if (this.#cures.has("reload refuses")) this.log.push(`${mistake}: nothing has changed`)
            else this.alive = false
            return
        }
        const used = doors.filter(({ file }) => file !== null && this.files.get(file)!.next() === null)
        if (used.length > 0 && !this.#cures.has("the last sequence")) {
            this.alive = false
            return
        }
        for (const door of used) this.log.push(`${noneLeft(door)}\n`)
        this.#turn(this.#read(doors.filter((door) => !used.includes(door))), now)
    }

    #read(doors: readonly ModelDoor[]): Door[] {
        return doors.map((is) => {
            if (is.file === null) return new Door(is, is.hits)
            const next = this.files.get(is.file)!.next()
            if (next === null) throw new Error(`${is.file}: no sequence`)
            const door = new Door(is, next.hits)
            door.line = next.first
            return door
        })
    }

    /** Other doors: knockd begins from nothing, ours goes on with what hits still mean. */
    #turn(doors: Door[], now: number): void {
        if (this.#cures.has("reload keeps")) {
            this.#inherit(doors, now)
            return
        }
        this.#doors = doors
        this.#attempts = []
        this.#places = new Map()
    }

    #inherit(doors: Door[], now: number): void {
        const [old, attempts, places] = [this.#doors, this.#attempts, this.#places]
        this.#doors = doors
        this.#attempts = []
        this.#places = new Map()
        for (const door of doors) {
            const before = old.find((one) => isSameView(one.is, door.is))
            if (before === undefined) continue
            for (const [key, place] of places) {
                const source = sourceOf(key, before.is)
                if (source === null) continue
                const live = attempts.find((one) => one.place === place && !isOver(one))
                this.#adopt(door, source, place, live?.hits.length ?? 0, now)
            }
        }
    }

    #adopt(door: Door, source: string, place: Place, stage: number, now: number): void {
        const foreign = place.hits.findLastIndex(({ hit }) => !door.hits.includes(hit))
        const hits = place.hits.slice(foreign + 1)
        if (hits.length === 0) return
        const next: Place = { hits, quiet: place.quiet }
        this.#places.set(keyOf(source, door.is), next)
        const begun = beginnings(door.hits, hits).filter((one) => one.length < door.hits.length)
        const still = begun.filter((one) => one.length === stage || now - one[0]!.at <= door.is.seqTimeout * 1000)
        const longest = still[0] ?? []
        if (longest.length !== stage) next.quiet = true
        if (longest.length === 0) return
        const began = longest[0]!.at
        this.#attempts.push({ source, door, place: next, hits: longest, failed: false, began })
    }

    #purge(now: number): void {
        const oldest = this.#attempts[0]
        for (const attempt of this.#attempts) {
            if (!isOver(attempt) && this.#isLate(attempt, now)) this.#timeOut(attempt, now)
        }
        const wipe = oldest !== undefined && isOver(oldest) && !this.#cures.has("sources apart")
        this.#attempts = wipe ? [] : this.#attempts.filter((one) => !isOver(one))
    }

    #isLate({ began, door }: Attempt, now: number): boolean {
        const { seqTimeout } = door.is
        if (this.#cures.has("milliseconds")) return now - began > seqTimeout * 1000
        return Math.floor(now / 1000) - Math.floor(began / 1000) >= seqTimeout
    }

    #timeOut(attempt: Attempt, now: number): void {
        const { source, door, hits, place } = attempt
        if (!place.quiet) this.log.push(`${source}: ${door.is.name}: sequence timeout (stage ${hits.length})\n`)
        attempt.failed = true
        if (!this.#cures.has("a wrong hit begins anew")) return
        // Hits that came later may have begun another knock by themselves.
        const within = door.is.seqTimeout * 1000
        const shorter = beginnings(door.hits, place.hits).find(
            (one) => one.length < hits.length && now - one[0]!.at <= within,
        )
        if (shorter === undefined) return
        attempt.failed = false
        attempt.hits = shorter
        attempt.began = shorter[0]!.at
    }

    #visit(door: Door, packet: ModelPacket, now: number): void {
        const attempt = this.#attempts.find((one) => one.door === door && one.source === packet.source && !isOver(one))
        if (attempt !== undefined) this.#goOn(attempt, packet, now)
        else this.#begin(door, packet, now)
    }

    #begin(door: Door, packet: ModelPacket, now: number): void {
        const key = keyOf(packet.source, door.is)
        const known = this.#places.get(key)
        const isFirst = packet.hit === door.hits[0]
        if (known === undefined && !isFirst) return
        const place = known ?? { hits: [], quiet: false }
        this.#places.set(key, place)
        const meant = !place.quiet
        const hit = this.#push(place, packet, now)
        place.quiet = false
        if (isFirst) {
            const attempt: Attempt = { source: packet.source, door, place, hits: [], failed: false, began: now }
            this.#attempts.push(attempt)
            this.#advance(attempt, [hit], now)
            if (attempt.hits.length >= door.hits.length) return
        }
        if (meant) this.#tellLate(door, packet.source, place, now)
    }

    #goOn(attempt: Attempt, packet: ModelPacket, now: number): void {
        const { door, hits, place } = attempt
        const meant = !place.quiet
        if (packet.hit === door.hits[hits.length]) {
            const hit = this.#push(place, packet, now)
            this.#advance(attempt, [...hits, hit], now)
            // It may go on with a later beginning than the one that took too long.
            if (meant && attempt.hits.length < door.hits.length) this.#tellLate(door, attempt.source, place, now)
            return
        }
        if (this.#cures.has("repeats") && isAgain(hits, packet, now)) {
            if (hits.length > 1) return
            // The window begins with the last of them.
            attempt.began = now
            hits[0]!.at = now
            return
        }
        const hit = this.#push(place, packet, now)
        attempt.failed = true
        if (this.#cures.has("why a knock failed") && meant) {
            const stage = `${attempt.source}: ${door.is.name}: failed after stage ${hits.length}`
            this.log.push(`${stage}: a wrong hit, N ms later`)
        }
        if (!this.#cures.has("a wrong hit begins anew")) return
        place.quiet = false
        const next = beginnings(door.hits, [...hits, hit]).find((one) => one.length <= hits.length)
        if (next !== undefined) {
            attempt.failed = false
            this.#advance(attempt, next, now)
            if (attempt.hits.length >= door.hits.length) return
        }
        if (meant) this.#tellLate(door, attempt.source, place, now)
    }

    #push(place: Place, { hit, mark }: ModelPacket, now: number): Hit {
        const one: Hit = { hit, mark, at: now }
        place.hits.push(one)
        return one
    }

    /** The right hits, but not in time. */
    #tellLate(door: Door, source: string, place: Place, now: number): void {
        if (!this.#cures.has("why a knock failed")) return
        const late = beginnings(door.hits, place.hits).find((one) => now - one[0]!.at > door.is.seqTimeout * 1000)
        if (late === undefined) return
        this.log.push(`${source}: ${door.is.name}: too late for stage ${late.length}: N ms after seq_timeout`)
    }

    #stage({ source, door, hits }: Attempt): void {
        this.log.push(`${source}: ${door.is.name}: Stage ${hits.length}`)
    }

    #advance(attempt: Attempt, hits: readonly Hit[], now: number): void {
        const { source, door, place } = attempt
        attempt.hits = hits
        attempt.began = this.#cures.has("a wrong hit begins anew") ? hits[0]!.at : attempt.began
        place.quiet = false
        if (hits.length === 1 && door.hits.length > 1 && this.#cures.has("doors apart")) {
            this.#begun.push(attempt)
            return
        }
        this.#wentOn = true
        this.#stage(attempt)
        if (hits.length < door.hits.length) return
        this.log.push(`${source}: ${door.is.name}: OPEN SESAME`)
        place.hits = []
        place.quiet = true
        this.#open(door.is, source, now)
        if (door.is.file !== null) this.#use(door)
    }

    #open(door: ModelDoor, source: string, now: number): void {
        const six = isSix(source)
        const start = six ? (door.start6 ?? door.start) : door.start
        const stop = six ? (door.stop6 ?? door.stop) : door.stop
        if (start === null || start === "") return
        const due = now + door.cmdTimeout * 1000
        const open = this.#stops.find((one) => one.door.name === door.name && one.source === source)
        if (open !== undefined && this.#cures.has("one start")) {
            open.due = due
            return
        }
        this.#run(door, source, start)
        if (stop !== null) this.#stops.push({ door, source, command: stop, due })
    }

    #run(door: ModelDoor, source: string, command: ModelCommand): void {
        const text = command === null ? "" : commandText(door, command).replaceAll("%IP%", source)
        this.programs.push(`${door.name}: running command: ${text}\n`)
        if (text !== "") this.commands.push(`${door.name} ${command} ${source}`)
    }

    /** The sequence of this door is used. */
    #use(door: Door): void {
        const name = door.is.file!
        const file = this.files.get(name)!
        this.used++
        if (!this.#spent.has(name) || !this.#cures.has("the next sequence from its beginning")) {
            file.mark(this.#cures.has("bad lines") ? (file.lineOf(door.hits) ?? door.line) : door.line)
        }
        this.#spent.add(name)
        if (!this.#cures.has("the next sequence from its beginning")) this.#roll(door)
    }

    /** Where the packet at hand has used sequences up, all doors with those files go on with the next. */
    #rollAll(now: number): void {
        const spent = new Set(this.#spent)
        this.#spent.clear()
        if (spent.size === 0 || !this.#cures.has("the next sequence from its beginning")) return
        const before = this.#doors
        for (const name of new Set(before.flatMap(({ is }) => is.file ?? []))) {
            for (const bad of this.files.get(name)!.bad()) {
                if (this.#cures.has("bad lines"))
                    this.log.push(`@DIR@/${name}: line ${bad}: a port is invalid: left out`)
            }
            for (const door of before) if (door.is.file === name && spent.has(name)) this.#roll(door)
        }
        this.#inherit(this.#doors, now)
    }

    /** This door takes the next sequence of its file, if there is one. */
    #roll(door: Door): void {
        const next = this.files.get(door.is.file!)!.next()
        if (next !== null) {
            door.hits = next.hits
            door.line = next.first
            door.filter4 = next.hits
            if (this.#cures.has("one-time sequences by IPv6")) door.filter6 = next.hits
            return
        }
        this.log.push(`${noneLeft(door.is)}\n`)
        this.#doors = this.#doors.filter((one) => one !== door)
        if (!this.#cures.has("the last sequence")) this.alive = false
    }
}

function noneLeft({ name }: ModelDoor): string {
    return `no more sequences left in the one time sequences file for door ${name} --> disabling the door`
}

function isOver({ failed, hits, door }: Attempt): boolean {
    return failed || hits.length >= door.hits.length
}

function isAgain(hits: readonly Hit[], { hit, mark }: ModelPacket, now: number): boolean {
    const last = hits.at(-1)
    if (last?.hit === hit && now - last.at <= REPEAT_MS) return true
    return !hit.endsWith(":udp") && hits.some((one) => one.hit === hit && one.mark === mark)
}

/** Those of the last hits that begin the sequence, or are it: the longest first. */
function beginnings(sequence: readonly string[], hits: readonly Hit[]): readonly (readonly Hit[])[] {
    const found: (readonly Hit[])[] = []
    for (let length = Math.min(sequence.length, hits.length); length > 0; length--) {
        const last = hits.slice(-length)
        if (last.every(({ hit }, i) => hit === sequence[i])) found.push(last)
    }
    return found
}

const keyOf = (source: string, { name }: ModelDoor) => `${source} ${name}`

function sourceOf(key: string, { name }: ModelDoor): string | null {
    const [source, door] = key.split(" ")
    return door === name ? source! : null
}
