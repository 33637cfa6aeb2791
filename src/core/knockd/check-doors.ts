/** What is unwise about the knocks of a knockd.conf: how easily they are guessed or spoiled, and who else opens by them. */
import { guessBits, isPublished } from "../config/guess.ts"
import { scannable } from "../config/rules.ts"
import { codeOf, type Hit } from "../knock/hit.ts"
import { formatHit } from "../knock/language.ts"
import { wellKnownPort } from "../knock/ports.ts"
import { formatAddress, parseAddress } from "../net/address.ts"
import { ACK, PSH } from "../net/packet.ts"
import type { KnockdHost, PlacedDoor, Say } from "./check.ts"
import type { KnockdDoor } from "./conf.ts"
import type { KnockdProblem } from "./problems.ts"

/** Bits that a sequence should be worth, and seconds that a knock should take at most. */
const ENOUGH_BITS = 40
const LONG_WINDOW = 60
/** Ours: of the doors that share a knock with another, so many are named. */
const NAMED = 4

/** Every doubt about doors and their sequences. */
export function checkDoors(placed: readonly PlacedDoor[], { listening }: KnockdHost): void {
    const busy = new Set((listening ?? []).map(codeOf))
    const others = new Others(placed)
    const fixed = placed.filter(({ door }) => door.oneTime === null && door.hits.length > 0)
    for (const one of placed) {
        const { door, places, say } = one
        if (door.target !== null) checkTarget(door.target, say)
        if (door.hits.length === 0) continue
        const single = door.hits.length === 1
        if (door.seqTimeout <= 0 && !single) say("SEQ_TIMEOUT", { code: "no-time" })
        if (door.seqTimeout > LONG_WINDOW) say("SEQ_TIMEOUT", { code: "long-window" })
        if (door.cooldown <= 0 && places.has("SEQ_COOLDOWN")) say("SEQ_COOLDOWN", { code: "no-cooldown" })
        checkFlags(one)
        if (door.oneTime !== null) {
            if (places.has("SEQUENCE")) say("SEQUENCE", { code: "both-sequences" })
            continue
        }
        if (places.has("ONE_TIME_SEQUENCES")) say("ONE_TIME_SEQUENCES", { code: "both-sequences" })
        for (const problem of doubtsOf(door.hits)) say("SEQUENCE", problem)
        for (const i of door.hits.keys()) checkHit(door.hits, i, busy, say)
        others.check(one)
    }
    fixed[0]?.say("SEQUENCE", { code: "replayable", doors: fixed.length })
}

/** What is wrong with a sequence as a whole: the gravest thing. */
export function doubtsOf(hits: readonly Hit[]): readonly KnockdProblem[] {
    const bits = guessBits(hits)
    const published = isPublished(hits.map(formatHit).join(" ")) ? [{ code: "published" } as const] : []
    if (scannable(hits)) return [{ code: "scannable" }]
    if (hits.length < 3) return [...published, { code: "short", hits: hits.length, bits }]
    const oneProtocol = hits.every(({ protocol }) => protocol === hits[0]!.protocol)
    const steps = hits.slice(1).map(({ port }, i) => port - hits[i]!.port)
    if (oneProtocol && steps.every((step) => step > 0)) return [...published, { code: "in-order", order: "ascending" }]
    if (oneProtocol && steps.every((step) => step < 0)) return [...published, { code: "in-order", order: "descending" }]
    return bits < ENOUGH_BITS ? [...published, { code: "guessable", bits }] : published
}

function checkHit(hits: readonly Hit[], index: number, busy: ReadonlySet<number>, say: Say): void {
    const hit = hits[index]!
    const code = codeOf(hit)
    const first = hits.findIndex((other) => codeOf(other) === code)
    if (index > 0 && codeOf(hits[index - 1]!) === code) say("SEQUENCE", { code: "twice-running" }, index)
    else if (first < index) say("SEQUENCE", { code: "repeated", first }, index)
    if (busy.has(code)) say("SEQUENCE", { code: "listening" }, index)
    else if (hit.port > 0 && wellKnownPort(hit.port)) say("SEQUENCE", { code: "well-known" }, index)
}

/** The packets of a running connection: a bare ACK, and data with PSH. */
function checkFlags({ door: { hits, flags }, places, say }: PlacedDoor): void {
    if (!hits.some(({ protocol }) => protocol === "tcp")) return
    const counts = (bits: number) => (bits & flags.set) === flags.set && (bits & flags.clear) === 0
    if (flags.set === 0 && flags.clear === 0) {
        // Those that are no flags have been told.
        if (!places.has("TCPFLAGS")) say(null, { code: "any-packet" })
    } else if (counts(ACK) || counts(ACK | PSH)) say("TCPFLAGS", { code: "flags-not-new" })
}

function checkTarget(target: string, say: Say): void {
    const address = parseAddress(target)
    const canonical = address === null ? null : formatAddress(address)
    if (target === "") say("TARGET", { code: "target-empty" })
    else if (target.includes("/")) say("TARGET", { code: "target-network" })
    else if (canonical === null) say("TARGET", { code: "target-name" })
    else if (canonical !== target) say("TARGET", { code: "target-form", canonical })
}

/** Doors by their knocks. The last hits decide, so a knock that holds another opens both doors. */
class Others {
    readonly #byKnock = new Map<string, PlacedDoor[]>()
    readonly #lengths = new Set<number>()

    constructor(placed: readonly PlacedDoor[]) {
        for (const one of placed) {
            const { hits, oneTime } = one.door
            if (hits.length === 0 || oneTime !== null) continue
            const knock = knockText(hits)
            const alike = this.#byKnock.get(knock)
            if (alike === undefined) this.#byKnock.set(knock, [one])
            else if (alike.length <= NAMED) alike.push(one)
            this.#lengths.add(hits.length)
        }
    }

    check(own: PlacedDoor): void {
        const { hits } = own.door
        const named = new Set<PlacedDoor>()
        for (const length of this.#lengths) {
            for (let end = hits.length; end >= length; end--) {
                const alike = this.#byKnock.get(knockText(hits.slice(end - length, end))) ?? []
                const code =
                    length === hits.length
                        ? "same-knock"
                        : end === hits.length
                          ? "ends-alike"
                          : end === length
                            ? "begins-alike"
                            : "contains"
                for (const other of alike) {
                    // The same knock is said once, at the later of the two.
                    const said =
                        other === own || named.has(other) || (code === "same-knock" && other.door.line > own.door.line)
                    if (said || named.size >= NAMED || !canCoincide(own.door, other.door)) continue
                    named.add(other)
                    own.say("SEQUENCE", { code, door: other.door.name })
                }
            }
        }
    }
}

function knockText(hits: readonly Hit[]): string {
    return hits.map(codeOf).join(" ")
}

/** Is there a packet that is a hit for both? */
function canCoincide(a: KnockdDoor, b: KnockdDoor): boolean {
    const tcp = a.hits.some(({ protocol }) => protocol === "tcp")
    if (tcp && ((a.flags.set & b.flags.clear) !== 0 || (b.flags.set & a.flags.clear) !== 0)) return false
    return a.target === null || b.target === null || a.target === b.target
}
