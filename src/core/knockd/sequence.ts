/** A sequence as knockd.conf writes it: `port[:protocol]`, separated by commas. */
import type { Hit } from "../knock/hit.ts"
import { readNumber } from "./number.ts"
import { lower, trimmed } from "./text.ts"

/** knockd's, for one sequence. */
const HITS_MOST = 32

/** What knockd takes without a word, and what somebody hardly meant. `hit`: which one, from 0. */
export type SequenceOddity =
    /** The text of a port is not (only) a number: it counts as this one. */
    | { readonly odd: "port"; readonly hit: number; readonly text: string; readonly port: number }
    /** More than a port and a protocol: the rest is not looked at. */
    | { readonly odd: "rest"; readonly hit: number; readonly text: string }

/** Why a text is no sequence. `message` as knockd says it, without the name of the section. */
export type SequenceFault = {
    readonly fault: "many" | "port" | "protocol"
    readonly hit: number
    readonly message: string
}

export type SequenceReading =
    | { readonly ok: true; readonly hits: readonly Hit[]; readonly oddities: readonly SequenceOddity[] }
    | ({ readonly ok: false } & SequenceFault)

/** Reads one, forgiving what knockd forgives. */
export function readSequence(text: string): SequenceReading {
    const hits: Hit[] = []
    const oddities: SequenceOddity[] = []
    const no = (fault: SequenceFault["fault"], message: string) => {
        return { ok: false, fault, hit: hits.length, message } as const
    }
    for (const [hit, element] of text.split(",").entries()) {
        if (hit === HITS_MOST) return no("many", "too many ports in knock sequence")
        const [number = "", protocol, ...rest] = element.split(":")
        const { value, odd } = readNumber(number)
        if (value > 65_535) return no("port", `port ${number} is invalid`)
        const port = value & 0xffff
        if (odd || value < 0 || port === 0) oddities.push({ odd: "port", hit, text: trimmed(number), port })
        if (rest.length > 0) oddities.push({ odd: "rest", hit, text: trimmed(element) })
        const word = lower(trimmed(protocol ?? "tcp"))
        if (word !== "tcp" && word !== "udp") return no("protocol", "unknown protocol in knock sequence")
        hits.push({ protocol: word, port })
    }
    return { ok: true, hits, oddities }
}

/** What knockd says of a mistake, fit for a log: without the port, which may be one of a sequence but for a slip. */
export function withoutPort(message: string): string {
    return message.replace(/port .* is invalid$/s, "a port is invalid")
}

/** As knockd prints it: every port with its protocol. */
export function sequenceText(hits: readonly Hit[]): string {
    return hits.map(({ port, protocol }) => `${port}:${protocol}`).join(",")
}
