/** What is legal but unwise: one function for each thing that is looked at, and nothing here stops a configuration. */
import { codeOf, type Hit, type Service } from "../knock/hit.ts"
import { formatHit, formatService } from "../knock/language.ts"
import { browserRefuses, wellKnownPort } from "../knock/ports.ts"
import { isIPv4Network, sameAddress } from "../net/address.ts"
import { ACK, PSH } from "../net/packet.ts"
import type { Door, Sequence } from "./config.ts"
import { guessBits, isPublished } from "./guess.ts"
import type { Doubt, Found, Path } from "./issues.ts"
import type { ConfigFile, HostFacts, Parsed } from "./parse.ts"
import { scannable } from "./rules.ts"

/** A door whose table has no mistakes, where it stands. */
type Placed = { readonly door: Door; readonly sequence: Sequence; readonly file: string; readonly index: number }

type Say = (path: Path, problem: Doubt) => void

/** A window longer than this (ms) gives a guesser time. */
const LONG_WINDOW = 60_000
/** A grant longer than this (ms) is long for a knock that can be repeated by whoever saw it. */
const LONG_GRANT = 3_600_000
/** Bits that a sequence should be worth. */
const ENOUGH_BITS = 40
/** Payload sizes that pings have by themselves: Linux and BSD 56, Windows 32, scanners 0 and 8, mtr 36, others 64. */
const PING_DEFAULTS: readonly number[] = [0, 8, 32, 36, 56, 64]
/** An echo request larger than this (bytes) may not fit a tunnel or a PPPoE line in one piece. */
const ONE_PIECE = 1400

/** Every doubt about what could be understood. */
export function checkDoubts(parsed: Parsed, files: readonly ConfigFile[], facts: HostFacts): Found[] {
    const found: Found[] = []
    const doors = parsed.entries.flatMap(({ door, file, index }): Placed[] =>
        door?.sequence ? [{ door, sequence: door.sequence, file, index }] : [],
    )
    const busy = [...(facts.listening ?? []), ...(parsed.gateway?.services ?? [])]
    for (const placed of doors) {
        const { door, sequence, file, index } = placed
        const say: Say = (path, problem) => found.push({ file, path: ["door", index, ...path], problem })
        sequenceAsWhole(sequence, say)
        for (const i of sequence.hits.keys()) singleHit(sequence.hits, i, doors, busy, say)
        timesAndFlags(door, sequence, say)
        otherDoors(placed, doors, say)
        services(door, doors, facts, say)
    }
    if (parsed.gateway?.uniform === true && parsed.gateway.capture === "packet-socket")
        found.push({ file: parsed.gatewayFile!, path: ["gateway", "uniform"], problem: { code: "uniform-unused" } })
    return [...found, ...permissions(files, parsed)]
}

function sequenceAsWhole({ hits }: Sequence, say: Say): void {
    const path = ["sequence", "hits"]
    const bits = guessBits(hits)
    // A knock that a scan would open is refused with its own reason.
    if (scannable(hits)) return
    if (isPublished(hits.map(formatHit).join(" "))) say(path, { code: "published" })
    if (hits.length < 3) {
        say(path, { code: "short", hits: hits.length, bits })
        return
    }
    // No scanner goes to and fro between protocols, and none counts through the sizes of pings.
    const inOrder = hits[0]!.protocol !== "icmp" && hits.every(({ protocol }) => protocol === hits[0]!.protocol)
    const steps = hits.slice(1).map(({ port }, i) => port - hits[i]!.port)
    if (inOrder && steps.every((step) => step > 0)) say(path, { code: "in-order", order: "ascending" })
    else if (inOrder && steps.every((step) => step < 0)) say(path, { code: "in-order", order: "descending" })
    else if (bits < ENOUGH_BITS) say(path, { code: "guessable", bits })
}

function singleHit(
    hits: readonly Hit[],
    index: number,
    doors: readonly Placed[],
    busy: readonly Service[],
    say: Say,
): void {
    const hit = hits[index]!
    const path = ["sequence", "hits", index]
    const before = hits[index - 1]
    const first = hits.findIndex((other) => codeOf(other) === codeOf(hit))
    if (before && codeOf(before) === codeOf(hit)) say(path, { code: "twice-running" })
    else if (first < index) say(path, { code: "repeated", first })
    if (hit.protocol === "icmp") {
        if (PING_DEFAULTS.includes(hit.port)) say(path, { code: "ping-default" })
        if (hit.port > ONE_PIECE) say(path, { code: "fragments" })
        return
    }
    const owner = doors.find(({ door }) => door.opens.some((service) => codeOf(service) === codeOf(hit)))
    if (owner) say(path, { code: "own-service", door: owner.door.name })
    else if (busy.some((service) => codeOf(service) === codeOf(hit))) say(path, { code: "listening" })
    else if (wellKnownPort(hit.port)) say(path, { code: "well-known" })
    else if (hit.protocol === "tcp" && browserRefuses(hit.port)) say(path, { code: "browsers-refuse" })
}

function timesAndFlags(door: Door, { within, flags, hits }: Sequence, say: Say): void {
    if (within > LONG_WINDOW) say(["sequence", "within"], { code: "long-window" })
    if (door.for > LONG_GRANT && door.opens.length > 0) say(["for"], { code: "long-grant" })
    // The packets of a running connection: a bare ACK, and data with PSH.
    const counts = (bits: number) => (bits & flags.set) === flags.set && (bits & flags.clear) === 0
    if (hits.some(({ protocol }) => protocol === "tcp") && (counts(ACK) || counts(ACK | PSH)))
        say(["sequence", "flags"], { code: "flags-not-new" })
}

/** The matcher looks at the last hits only, so a knock that holds another opens both doors. */
function otherDoors(own: Placed, doors: readonly Placed[], say: Say): void {
    const path = ["sequence", "hits"]
    const text = knockText(own)
    doors.forEach((other, position) => {
        if (other === own || !canCoincide(own.sequence, other.sequence)) return
        const inner = knockText(other)
        const { name } = other.door
        if (inner === text) {
            // Said once, at the later of the two.
            if (position < doors.indexOf(own)) say(path, { code: "same-knock", door: name })
        } else if (text.endsWith(inner)) say(path, { code: "ends-alike", door: name })
        else if (text.includes(inner)) say(path, { code: "contains", door: name })
    })
}

function knockText({ sequence }: Placed): string {
    return sequence.hits.map((hit) => ` ${codeOf(hit)} `).join("")
}

/** Is there a packet that is a hit for both? */
function canCoincide(a: Sequence, b: Sequence): boolean {
    const tcp = a.hits.some(({ protocol }) => protocol === "tcp")
    if (tcp && ((a.flags.set & b.flags.clear) !== 0 || (b.flags.set & a.flags.clear) !== 0)) return false
    if (a.target.length === 0 || b.target.length === 0) return true
    return a.target.some((one) => b.target.some((other) => sameAddress(one, other)))
}

function services(door: Door, doors: readonly Placed[], facts: HostFacts, say: Say): void {
    const hides = (service: Service) =>
        doors.some(({ door }) => door.hide && door.opens.some((other) => codeOf(other) === codeOf(service)))
    const left = door.opens.filter((service) => !hides(service))
    if (left.length > 0 && door.command === null)
        say(["opens"], { code: "not-hidden", services: left.map(formatService).join(", ") })
    door.opens.forEach((service, index) => {
        if (!door.hide || facts.listening === null) return
        if (facts.listening.some((other) => codeOf(other) === codeOf(service))) return
        say(["opens", index], { code: "nothing-listens", service: formatService(service) })
    })
    if (!door.hide && door.opens.length > 0 && door.always.length > 0) say(["always"], { code: "always-unhidden" })
    door.always.forEach((network, index) => {
        const everyone = network.bits === (isIPv4Network(network) ? 96 : 0)
        if (everyone) say(["always", index], { code: "always-everyone" })
    })
}

function permissions(files: readonly ConfigFile[], parsed: Parsed): Found[] {
    return files.flatMap(({ file, mode = 0 }): Found[] => {
        const secret = parsed.entries.some((entry) => entry.file === file && entry.raw["sequence"] !== undefined)
        return [
            ...(secret && (mode & 0o004) !== 0 ? [{ file, path: [], problem: { code: "readable" } } as const] : []),
            ...((mode & 0o022) !== 0 ? [{ file, path: [], problem: { code: "writable" } } as const] : []),
        ]
    })
}
