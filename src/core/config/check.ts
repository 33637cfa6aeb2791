/** What is legal but unwise: one function for each thing that is looked at, and nothing here stops a configuration. */
import { codeOf, type Hit, type HitCode } from "../knock/hit.ts"
import { formatHit, formatService } from "../knock/language.ts"
import { browserRefuses, wellKnownPort } from "../knock/ports.ts"
import { isIPv4Network, sameAddress } from "../net/address.ts"
import { ACK, PSH } from "../net/packet.ts"
import type { Door, HideRule, Sequence } from "./config.ts"
import { guessBits, isPublished } from "./guess.ts"
import { hiddenServices, hidesIn } from "./hiding.ts"
import type { Doubt, Found, Path } from "./issues.ts"
import { bundleDoubts } from "./one-time.ts"
import type { ConfigFile, HostFacts, Parsed } from "./parse.ts"
import { scannable } from "./rules.ts"

/** A door whose table has no mistakes, where it stands. */
type Placed = {
    readonly door: Door
    readonly file: string
    readonly index: number
}

/** One with a fixed knock. */
type Sequenced = Placed & {
    readonly sequence: Sequence
    /** Of IPv4, of IPv6: who may knock. */
    readonly families: readonly [boolean, boolean]
}

type Say = (path: Path, problem: Doubt) => void

/** What is asked about each door, looked up so that ten thousand doors take no longer than they must. */
type Lookup = {
    readonly doors: readonly Sequenced[]
    /** By service: the first door that opens it. */
    readonly owners: ReadonlyMap<HitCode, string>
    readonly hidden: ReadonlySet<HitCode>
    readonly hides: ReturnType<typeof hidesIn>
    /** The host's own filter lets in what is marked. */
    readonly marked: boolean
    /** Open to everyone on purpose. */
    readonly unhidden: ReadonlySet<HitCode>
    readonly busy: ReadonlySet<HitCode>
    /** Null: not known. */
    readonly listening: ReadonlySet<HitCode> | null
    /** By knock (see `knockText`): the doors that have it, as numbers of `doors`. */
    readonly knocks: ReadonlyMap<string, readonly number[]>
    /** How many hits knocks have. */
    readonly lengths: ReadonlySet<number>
}

/** Ours: of doors with one and the same knock, so many are compared with another door, and so many are named. */
const ALIKE_COMPARED = 256
const ALIKE_NAMED = 4

/** A window longer than this (ms) gives a guesser time. */
const LONG_WINDOW = 60_000
/** A grant longer than this (ms) is long for a knock that can be repeated by whoever saw it. */
const LONG_GRANT = 3_600_000
/** The prefix length of an IPv6 network that belongs to one household or one link. */
const HOUSEHOLD = 64
/** Bits that a sequence should be worth. */
const ENOUGH_BITS = 40
/** Payload sizes that pings have by themselves: Linux and BSD 56, Windows 32, scanners 0 and 8, mtr 36, others 64. */
const PING_DEFAULTS: readonly number[] = [0, 8, 32, 36, 56, 64]
/** An echo request larger than this (bytes) may not fit a tunnel or a PPPoE line in one piece. */
const ONE_PIECE = 1400

/** Every doubt about what could be understood. */
export function checkDoubts(parsed: Parsed, files: readonly ConfigFile[], facts: HostFacts): Found[] {
    const found: Found[] = []
    const doors = parsed.entries.flatMap(({ door, file, index }): Placed[] => (door ? [{ door, file, index }] : []))
    const sequenced = doors.flatMap((placed): Sequenced[] => {
        const { door } = placed
        return door.sequence ? [{ ...placed, sequence: door.sequence, families: familiesOf(door) }] : []
    })
    const hide = parsed.hide.map(({ rule }) => rule)
    const lookup = lookUp(doors, sequenced, facts, parsed.gateway, hide)
    const numbers = new Map(sequenced.map(({ door }, number) => [door, number]))
    for (const { door, file, index } of doors) {
        const { sequence, oneTime } = door
        const say: Say = (path, problem) => found.push({ file, path: ["door", index, ...path], problem })
        if (sequence !== null) {
            sequenceAsWhole(sequence, say)
            for (const i of sequence.hits.keys()) singleHit(sequence.hits, i, lookup, say)
            timesAndFlags(door, sequence, say)
            otherDoors(numbers.get(door)!, lookup, say)
        }
        if (oneTime !== null && oneTime.within > LONG_WINDOW) say(["one_time", "within"], { code: "long-window" })
        services(door, lookup, say)
        if (door.uses !== null && parsed.gateway?.firewall === "iptables")
            say(["uses"], { code: "uses-without-nftables" })
    }
    const nflog = parsed.gateway?.capture !== "packet-socket" && parsed.gateway?.firewall !== "iptables"
    if (parsed.gateway?.uniform === true && !nflog)
        found.push({ file: parsed.gatewayFile!, path: ["gateway", "uniform"], problem: { code: "uniform-unused" } })
    if (parsed.gateway?.firewall === "iptables" && parsed.gateway.capture === "nflog") {
        const problem = { code: "nflog-without-nftables" } as const
        found.push({ file: parsed.gatewayFile!, path: ["gateway", "capture"], problem })
    }
    return [...found, ...bundleDoubts(parsed), ...permissions(files, parsed)]
}

function lookUp(
    all: readonly Placed[],
    doors: readonly Sequenced[],
    { listening, inside = [] }: HostFacts,
    gateway: Parsed["gateway"],
    hide: readonly HideRule[],
): Lookup {
    const owners = new Map<HitCode, string>()
    const knocks = new Map<string, number[]>()
    for (const { door } of all) {
        for (const code of door.opens.map(codeOf)) {
            if (!owners.has(code)) owners.set(code, door.name)
        }
    }
    for (const [number, { sequence }] of doors.entries()) {
        const text = knockText(sequence.hits)
        const alike = knocks.get(text)
        if (alike === undefined) knocks.set(text, [number])
        else alike.push(number)
    }
    const hidden = new Set(hiddenServices({ doors: all.map(({ door }) => door), hide }).map(codeOf))
    const busy = new Set([...(listening ?? []), ...(gateway?.services ?? [])].map(codeOf))
    const lengths = new Set(doors.map(({ sequence }) => sequence.hits.length))
    const found = listening && new Set([...listening, ...inside].map(codeOf))
    const unhidden = new Set(hide.filter((rule) => !rule.hide).map(({ service }) => codeOf(service)))
    return {
        doors,
        owners,
        hidden,
        hides: hidesIn({ hide }),
        marked: (gateway?.mark ?? 0) !== 0,
        unhidden,
        busy,
        listening: found,
        knocks,
        lengths,
    }
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

function singleHit(hits: readonly Hit[], index: number, { owners, busy }: Lookup, say: Say): void {
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
    const owner = owners.get(codeOf(hit))
    if (owner !== undefined) say(path, { code: "own-service", door: owner })
    else if (busy.has(codeOf(hit))) say(path, { code: "listening" })
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
function otherDoors(number: number, { doors, knocks, lengths }: Lookup, say: Say): void {
    const path = ["sequence", "hits"]
    const own = doors[number]!
    const { hits } = own.sequence
    const found = new Map<number, Doubt["code"] & ("same-knock" | "ends-alike" | "contains")>()
    for (const length of lengths) {
        for (let end = hits.length; end >= length; end--) {
            const alike = knocks.get(knockText(hits.slice(end - length, end))) ?? []
            const code = length === hits.length ? "same-knock" : end === hits.length ? "ends-alike" : "contains"
            let named = 0
            for (const other of alike.slice(0, ALIKE_COMPARED)) {
                // The same knock is said once, at the later of the two.
                if (named >= ALIKE_NAMED || other === number || (code === "same-knock" && other > number)) continue
                if (found.has(other) || !canCoincide(own, doors[other]!)) continue
                found.set(other, code)
                named++
            }
        }
    }
    for (const [other, code] of [...found].sort(([a], [b]) => a - b)) say(path, { code, door: doors[other]!.door.name })
}

function knockText(hits: readonly Hit[]): string {
    return hits.map(codeOf).join(" ")
}

function familiesOf({ sources }: Door): Sequenced["families"] {
    const four = sources.filter(isIPv4Network).length
    return [four > 0, four < sources.length]
}

/** Is there a packet that is a hit for both? */
function canCoincide(
    { sequence: a, families: [a4, a6] }: Sequenced,
    { sequence: b, families: [b4, b6] }: Sequenced,
): boolean {
    if (!(a4 && b4) && !(a6 && b6)) return false
    const tcp = a.hits.some(({ protocol }) => protocol === "tcp")
    if (tcp && ((a.flags.set & b.flags.clear) !== 0 || (b.flags.set & a.flags.clear) !== 0)) return false
    if (a.target.length === 0 || b.target.length === 0) return true
    return a.target.some((one) => b.target.some((other) => sameAddress(one, other)))
}

function services(door: Door, { hidden, hides, unhidden, listening, marked }: Lookup, say: Say): void {
    const left = door.opens.filter((service) => !hidden.has(codeOf(service)) && !unhidden.has(codeOf(service)))
    if (left.length > 0 && door.command === null && !marked)
        say(["opens"], { code: "not-hidden", services: left.map(formatService).join(", ") })
    door.opens.forEach((service, index) => {
        // What listens on another host is not seen from here.
        if (!hides(door, service) || door.at.length + door.leadTo.length > 0) return
        if (listening === null || listening.has(codeOf(service))) return
        say(["opens", index], { code: "nothing-listens", service: formatService(service) })
    })
    const needless = door.opens.length > 0 && !door.opens.some((service) => hides(door, service))
    if (needless && door.always.length > 0) say(["always"], { code: "always-unhidden" })
    if (door.network.v4 < 32) say(["network", "v4"], { code: "wide-network", family: "IPv4", prefix: door.network.v4 })
    if (door.network.v6 < HOUSEHOLD)
        say(["network", "v6"], { code: "wide-network", family: "IPv6", prefix: door.network.v6 })
    if (needless && door.uses !== null) say(["uses"], { code: "uses-unhidden" })
    door.always.forEach((network, index) => {
        const everyone = network.bits === (isIPv4Network(network) ? 96 : 0)
        if (everyone) say(["always", index], { code: "always-everyone" })
    })
}

function permissions(files: readonly ConfigFile[], parsed: Parsed): Found[] {
    const secrets = new Set(parsed.entries.flatMap(({ file, raw }) => (raw["sequence"] === undefined ? [] : [file])))
    return files.flatMap(({ file, mode = 0 }): Found[] => {
        const secret = secrets.has(file)
        return [
            ...(secret && (mode & 0o004) !== 0 ? [{ file, path: [], problem: { code: "readable" } } as const] : []),
            ...((mode & 0o022) !== 0 ? [{ file, path: [], problem: { code: "writable" } } as const] : []),
        ]
    })
}
