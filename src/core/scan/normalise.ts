/**
 * A frame that came back -> what of it does not depend on which port was asked, nor on when. So much is taken out, and
 * nothing else:
 *
 * - the port that was asked is `P`, also inside of quotes; an address that was not ours is `SRC`
 * - checksums are worked out anew: `ok` or `BAD`
 * - the IPv6 flow label is `0`, `reflected` or `random`; the IPv4 identification of an ICMP error `0` or `not 0`
 * - times of the IP option "time stamps"
 * - what an ICMP error quotes, where it is what was sent: `as sent`
 *
 * Everything else stays, byte for byte. Frames that no packet of ours has caused are left out (`null`): those of other
 * connections, neighbour discovery that is not about an address of ours to which nobody answers, group membership, and
 * redirects, which hosts send by a ration of their own and for other addresses than theirs.
 */
import { hexOf } from "../hex.ts"
import { ICMP, ICMPV6, TCP, UDP } from "../net/packet.ts"
import { clearTimes, type Field, type Inner, IPV4_HEADER, readHeader, same, word16 } from "./headers.ts"
import { ARP, ETHERNET, ETHERTYPE } from "./link.ts"
import type { Shot } from "./shoot.ts"
import { pseudoSum, sumIsRight } from "./sums.ts"

/** What came back, by the names of its parts. */
export type Reply = {
    /** For people: `tcp RA`, `icmp 3/3`. */
    readonly summary: string
    readonly fields: readonly Field[]
}

const NEIGHBOUR_SOLICITATION = 135
const ERRORS = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] } as const
const FLAG_LETTERS = "FSRPAUEC"

/** Reads one frame of the link as an answer to a shot; null if it is none. Never throws, whatever the bytes. */
export function normalise(frame: Uint8Array, shot: Shot): Reply | null {
    const { link, family } = shot.ends
    let start = 0
    const fields: Field[] = []
    if (link !== null) {
        if (frame.length < ETHERNET || !same(frame.subarray(6, 12), link.theirs)) return null
        const to = frame.subarray(0, 6)
        fields.push(["frame to", same(to, link.ours) ? "us" : hexOf(to)])
        const type = word16(frame, 12)
        if (type === ARP && family === 4) return arp(frame.subarray(ETHERNET), shot, fields)
        if (type !== ETHERTYPE[family]) return null
        start = ETHERNET
    }
    const inner = readHeader(family, frame.subarray(start), shot.flowLabel)
    return inner === null ? null : packet(inner, shot, fields)
}

function arp(bytes: Uint8Array, shot: Shot, fields: readonly Field[]): Reply | null {
    if (bytes.length < 28) return null
    const about = whose(bytes.subarray(24, 28), shot)
    if (about === null) return null
    return { summary: `who has ${about}`, fields: [...fields, ["arp", `${word16(bytes, 6)} about ${about}`]] }
}

/** The address that the host asks its link for, if it does so because of us. */
function whose(address: Uint8Array, shot: Shot): string | null {
    if (same(address, shot.source)) return shot.fromUs ? null : "SRC"
    return same(address, shot.destination) && !shot.forHost ? "DST" : null
}

function packet(inner: Inner, shot: Shot, link: readonly Field[]): Reply | null {
    const { bytes, source, destination, protocol, at } = inner
    const { port } = shot.ends
    const back = same(destination, shot.source)
    const bounced = same(source, shot.source) && same(destination, shot.destination)
    const solicited = protocol === ICMPV6 && bytes[at] === NEIGHBOUR_SOLICITATION
    if (!back && !bounced && !solicited) return null
    const ends: Field[] = [
        ["from", same(source, shot.destination) ? "the asked address" : nameOf(source, shot)],
        ["to", bounced ? "as sent" : nameOf(destination, shot)],
    ]
    const fields = [...link, ...ends, ...inner.fields]
    const behind = bytes.subarray(at)
    const sum = (place: number): Field => {
        const pseudo = protocol === ICMP ? 0 : pseudoSum(source, destination, protocol, behind.length)
        return ["checksum", sumIsRight(behind, place, pseudo) ? "ok" : "BAD"]
    }
    if (bounced) return { summary: "sent back as it came", fields: [...fields, ["bytes", masked(bytes, shot)]] }
    if (!inner.whole) return { summary: "a fragment", fields: [...fields, ["bytes", hexOf(behind)]] }
    if (protocol === TCP && behind.length >= 20) {
        if (word16(behind, 2) !== shot.sourcePort) return null
        const length = Math.max(20, (behind[12]! >>> 4) * 4)
        const letters = FLAG_LETTERS.split("")
            .filter((_, bit) => (behind[13]! & (1 << bit)) !== 0)
            .join("")
        const parts: Field[] = [
            ["source port", portName(word16(behind, 0), port)],
            ["sequence", hexOf(behind.subarray(4, 8))],
            ["acknowledgement", hexOf(behind.subarray(8, 12))],
            ["offset", hexOf(behind.subarray(12, 13))],
            ["flags", letters],
            ["window", String(word16(behind, 14))],
            sum(16),
            ["urgent", String(word16(behind, 18))],
            ["options", hexOf(behind.subarray(20, length))],
            ["data", hexOf(behind.subarray(length))],
        ]
        return { summary: `tcp ${letters}`, fields: [...fields, ...parts] }
    }
    if (protocol === UDP && behind.length >= 8) {
        if (word16(behind, 2) !== shot.sourcePort) return null
        const parts: Field[] = [
            ["source port", portName(word16(behind, 0), port)],
            ["length", String(word16(behind, 4))],
            sum(6),
            ["data", hexOf(behind.subarray(8))],
        ]
        return { summary: "udp", fields: [...fields, ...parts] }
    }
    if (protocol === (shot.ends.family === 4 ? ICMP : ICMPV6) && behind.length >= 8) {
        return icmp(behind, sum(2), fields, shot)
    }
    return { summary: `protocol ${protocol}`, fields: [...fields, ["bytes", hexOf(behind)]] }
}

function icmp(bytes: Uint8Array, sum: Field, fields: readonly Field[], shot: Shot): Reply | null {
    const [type, code] = [bytes[0]!, bytes[1]!]
    const errors: readonly number[] = ERRORS[shot.ends.family]
    if (shot.ends.family === 6 && type === NEIGHBOUR_SOLICITATION) {
        const about = bytes.length < 24 ? null : whose(bytes.subarray(8, 24), shot)
        return about === null ? null : { summary: `who has ${about}`, fields: [["neighbour", `about ${about}`]] }
    }
    if (!errors.includes(type)) return null
    const quote = bytes.subarray(8)
    if (!isAbout(quote, shot)) return null
    const asSent = shot.packets.some((packet) => packet.length >= quote.length && same(packet, quote, quote.length))
    const parts: Field[] = [
        ["icmp", `${type}/${code}`],
        ["icmp field", hexOf(bytes.subarray(4, 8))],
        sum,
        ["quote", asSent ? `as sent, ${quote.length} bytes` : masked(quote, shot)],
    ]
    return { summary: `icmp ${type}/${code}`, fields: [...fields, ...parts] }
}

/** Does this quote of a packet have the addresses of ours? */
function isAbout(quote: Uint8Array, { source, destination, ends }: Shot): boolean {
    const [from, size] = ends.family === 4 ? [12, 4] : [8, 16]
    return (
        same(quote.subarray(from, from + size), source) &&
        same(quote.subarray(from + size, from + 2 * size), destination)
    )
}

/** A packet of ours as others show it, without what says which port it was for, and from and to whom it was. */
function masked(bytes: Uint8Array, shot: Shot): string {
    const copy = bytes.slice()
    const inner = readHeader(shot.ends.family, copy, 0)
    if (inner === null) return hexOf(copy)
    inner.source.fill(0)
    inner.destination.fill(0)
    if (shot.ends.family === 4) {
        copy.fill(0, 10, 12)
        // On its way in, the host has written down when it came.
        clearTimes(copy.subarray(IPV4_HEADER, inner.at))
    }
    if (inner.whole && word16(copy, inner.at + 2) === shot.ends.port) {
        // The checksum covers port and addresses.
        const sum = inner.protocol === TCP ? 16 : 6
        copy.fill(0, inner.at + 2, inner.at + 4)
        copy.fill(0, inner.at + sum, inner.at + sum + 2)
    }
    return hexOf(copy)
}

function portName(port: number, asked: number): string {
    return port === asked ? "P" : String(port)
}

function nameOf(address: Uint8Array, shot: Shot): string {
    if (same(address, shot.source)) return shot.fromUs ? "us" : "SRC"
    return hexOf(address)
}
