/**
 * The words of the knock language: hits, services, TCP flags and durations, to text and from text
 * (spec/knock-language.md). Nothing is guessed: what does not read exactly one way is refused, with the reason as a
 * fact. `texts.ts` beside this file makes the sentences.
 */
import { ACK, FIN, PSH, RST, SYN, URG } from "../net/packet.ts"
import type { Hit, Service, TcpFlags } from "./hit.ts"
import { SERVICE_NUMBERS } from "./ports.ts"

/** What reading a text gives. */
export type Read<T> = { readonly ok: true; readonly value: T } | Refused

/** A text that was refused: why, and what was probably meant where that can be said. */
export type Refused = { readonly ok: false; readonly code: Refusal; readonly instead?: string }

/** Every reason for which a text is refused. */
export type Refusal =
    /** Nothing there. */
    | "empty"
    /** Blanks inside or around. */
    | "blank"
    /** The parts are not where they belong. */
    | "form"
    /** Neither tcp, udp nor (for hits) icmp. */
    | "protocol"
    /** A name where a number belongs. */
    | "name"
    /** Not a whole number in plain digits. */
    | "number"
    /** A number that begins with 0 and goes on. */
    | "leading-zero"
    /** A port outside 1–65535. */
    | "port"
    /** A payload size outside 0–65507. */
    | "size"
    /** Not one of the six TCP flags. */
    | "flag"
    /** The same flag twice, or wanted and not wanted. */
    | "flag-twice"
    /** A number without a unit of time. */
    | "unit"
    /** Not a duration at all. */
    | "duration"
    /** Units of time not from the largest to the smallest, or one twice. */
    | "unit-order"
    /** More than MAX_DURATION. */
    | "too-long"

/** The largest payload of an IPv4 echo request: 65 535 less 20 and 8 bytes of headers (RFC 791, RFC 792). */
export const MAX_ECHO_SIZE = 65_507
/** The longest duration that can be written, in milliseconds: ten years of 365 days. */
export const MAX_DURATION = 3650 * 86_400_000
/** The flags of a new connection, and the default: SYN without ACK. */
export const NEW_CONNECTION: TcpFlags = { set: SYN, clear: ACK }

const refused = (code: Refusal, instead?: string): Refused =>
    instead === undefined ? { ok: false, code } : { ok: false, code, instead }

/**
 * Reads `32144`, `7000:tcp`, `21312:udp` or `icmp:321` (an echo request with 321 bytes of payload: `ping -s 321`).
 * Protocols may be in capitals. Without a protocol a port is TCP.
 */
export function parseHit(text: string): Read<Hit> {
    return vetted(text, readHit)
}

function readHit(text: string): Read<Hit> {
    const parts = split(text, ":")
    if (!parts.ok) return parts
    const [left, right] = parts.value
    const lower = left.toLowerCase()
    if (lower === "icmp" || lower === "icmpv6" || lower === "icmp6" || lower === "ping") {
        if (right === undefined) return refused("form", "icmp:321")
        if (lower !== "icmp") return refused("protocol", `icmp:${right}`)
        const size = parseNumber(right, 0, MAX_ECHO_SIZE, "size")
        return size.ok ? { ok: true, value: { protocol: "icmp", port: size.value } } : size
    }
    if (lower === "tcp" || lower === "udp") return refused("form", `${right ?? "7000"}:${lower}`)
    const slash = /^(tcp|udp)\/(.*)$/.exec(lower)
    if (slash) return refused("form", slash[1] === "tcp" ? slash[2]! : `${slash[2]}:udp`)
    const protocol = right?.toLowerCase() ?? "tcp"
    if (protocol === "icmp") return refused("form", `icmp:${left}`)
    if (protocol !== "tcp" && protocol !== "udp") return refused("protocol", nearProtocol(protocol, `${left}:`))
    const port = parsePort(left)
    if (port.ok) return { ok: true, value: { protocol, port: port.value } }
    return port.instead === undefined || right === undefined ? port : refused(port.code, `${port.instead}:${protocol}`)
}

/** The text of a hit. TCP is left unsaid. */
export function formatHit(hit: Hit): string {
    if (hit.protocol === "icmp") return `icmp:${hit.port}`
    return hit.protocol === "tcp" ? `${hit.port}` : `${hit.port}:udp`
}

/** Reads `tcp/22` or `udp/53`; the protocol may be in capitals and is never guessed. */
export function parseService(text: string): Read<Service> {
    return vetted(text, readService)
}

function readService(text: string): Read<Service> {
    const parts = split(text, "/")
    if (!parts.ok) return parts
    const [left, right] = parts.value
    if (right === undefined) {
        const hit = readHit(text)
        if (hit.ok && hit.value.protocol !== "icmp")
            return refused("form", formatService({ protocol: hit.value.protocol, port: hit.value.port }))
        const number = SERVICE_NUMBERS.get(left.toLowerCase())
        return number === undefined ? refused("form") : refused("name", `tcp/${number}`)
    }
    const protocol = left.toLowerCase()
    if (protocol !== "tcp" && protocol !== "udp") {
        const turned = right.toLowerCase()
        if (turned === "tcp" || turned === "udp") return refused("form", `${turned}/${left}`)
        return refused("protocol")
    }
    const port = parsePort(right)
    if (port.ok) return { ok: true, value: { protocol, port: port.value } }
    return port.instead === undefined ? port : refused(port.code, `${protocol}/${port.instead}`)
}

/** The text of a service. */
export function formatService(service: Service): string {
    return `${service.protocol}/${service.port}`
}

const FLAGS: readonly (readonly [string, number])[] = [
    ["fin", FIN],
    ["syn", SYN],
    ["rst", RST],
    ["psh", PSH],
    ["ack", ACK],
    ["urg", URG],
]

/**
 * Reads `syn,!ack`: flags that must be set and, after `!`, flags that must not be; what is not named does not matter.
 * Blanks and capitals are fine. `any` asks for nothing at all.
 */
export function parseFlags(text: string): Read<TcpFlags> {
    if (text.trim() === "") return refused("empty")
    if (text.trim().toLowerCase() === "any") return { ok: true, value: { set: 0, clear: 0 } }
    let set = 0
    let clear = 0
    for (const item of text.split(",")) {
        const word = item.trim().toLowerCase()
        if (word === "") return refused("empty")
        const not = word.startsWith("!")
        const name = not ? word.slice(1).trim() : word
        const bit = FLAGS.find(([known]) => known === name)?.[1]
        if (bit === undefined) return refused("flag")
        if (((set | clear) & bit) !== 0) return refused("flag-twice")
        if (not) clear |= bit
        else set |= bit
    }
    return { ok: true, value: { set, clear } }
}

/** The text of flags, in the order of their bits; `any` where nothing is asked for. */
export function formatFlags(flags: TcpFlags): string {
    const words = FLAGS.flatMap(([name, bit]) => {
        if ((flags.set & bit) !== 0) return [name]
        return (flags.clear & bit) !== 0 ? [`!${name}`] : []
    })
    return words.length === 0 ? "any" : words.join(",")
}

/** Units of time with their milliseconds, the largest first: ours and those of nftables. */
export const UNITS: readonly (readonly [string, number])[] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
    ["ms", 1],
]

/** Reads `500ms`, `30s`, `1h30m`: whole numbers with units, largest first. Gives milliseconds. */
export function parseDuration(text: string): Read<number> {
    return vetted(text, readDuration)
}

function readDuration(text: string): Read<number> {
    if (text === "") return refused("empty")
    if (/\s/.test(text)) return refused("blank", text.replaceAll(/\s/g, ""))
    if (/^\d+$/.test(text)) return refused("unit", `${text}s`)
    const lower = text.toLowerCase()
    if (lower !== text) return refused("duration", lower)
    if (!/^(\d{1,12}[a-z]+)+$/.test(text)) return refused("duration")
    let total = 0
    let last = -1
    for (const [, digits, name] of text.matchAll(/(\d+)([a-z]+)/g)) {
        const unit = UNITS.findIndex(([known]) => known === name)
        if (unit < 0) return refused("duration")
        if (unit <= last) return refused("unit-order")
        if (digits!.length > 1 && digits!.startsWith("0")) return refused("leading-zero")
        last = unit
        total += Number(digits) * UNITS[unit]![1]
    }
    return total > MAX_DURATION ? refused("too-long") : { ok: true, value: total }
}

/** The shortest text of whole milliseconds: `1h30m`, `1s500ms`, `0s`. */
export function formatDuration(ms: number): string {
    let left = ms
    let text = ""
    for (const [name, size] of UNITS) {
        const count = Math.floor(left / size)
        left -= count * size
        if (count > 0) text += `${count}${name}`
    }
    return text === "" ? "0s" : text
}

/** One or two parts, without blanks. */
function split(text: string, by: string): Read<readonly [string, string | undefined]> {
    if (text === "") return refused("empty")
    if (/\s/.test(text)) return refused("blank")
    const [left, right, more] = text.split(by)
    if (more !== undefined) return refused("form")
    if (left === "" || right === "") return refused("empty")
    return { ok: true, value: [left!, right] }
}

function parsePort(text: string): Read<number> {
    const number = SERVICE_NUMBERS.get(text.toLowerCase())
    if (number !== undefined) return refused("name", String(number))
    if (/^[a-z]/i.test(text)) return refused("name")
    return parseNumber(text, 1, 65_535, "port")
}

function parseNumber(text: string, least: number, most: number, outside: "port" | "size"): Read<number> {
    if (/^-\d+$/.test(text)) return refused(outside)
    if (!/^\d+$/.test(text)) return refused("number")
    if (text.length > 1 && text.startsWith("0")) return refused("leading-zero", text.replace(/^0+(?=.)/, ""))
    const value = Number(text)
    return value < least || value > most ? refused(outside) : { ok: true, value }
}

/** Reads, and keeps a suggestion only if it would be accepted itself. */
function vetted<T>(text: string, read: (text: string) => Read<T>): Read<T> {
    const result = read(text)
    if (result.ok || result.instead === undefined || read(result.instead).ok) return result
    return refused(result.code)
}

function letters(text: string): string {
    return text.split("").sort().join("")
}

function nearProtocol(word: string, before: string): string | undefined {
    const near = ["tcp", "udp"].find((known) => letters(word) === letters(known))
    return near === undefined ? undefined : before + near
}
