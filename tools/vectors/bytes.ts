/** Builds packets from their parts, so that a vector shows what is special about it. Checksums are right. */
import { type Address, isIPv4, parseAddress } from "../../src/core/net/address.ts"

export const SOURCE4 = "192.0.2.9"
export const LOCAL4 = "198.51.100.1"
export const SOURCE6 = "2001:db8::9"
export const LOCAL6 = "2001:db8:1::1"

export const bytes = (...values: number[]) => Uint8Array.from(values)
export const be16 = (value: number) => bytes((value >>> 8) & 255, value & 255)
export const be32 = (value: number) => bytes(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
export const zeros = (count: number) => new Uint8Array(count)

export function join(...parts: readonly Uint8Array[]): Uint8Array {
    return Uint8Array.from(parts.flatMap((part) => [...part]))
}

export const hex = (value: Uint8Array) => Buffer.from(value).toString("hex")
export const unhex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))

export function address(text: string): Address {
    const parsed = parseAddress(text)
    if (parsed === null) throw new Error(`not an address: ${text}`)
    return parsed
}

function raw(text: string): Uint8Array {
    const words = address(text)
    return isIPv4(words) ? be32(words[3]) : join(...words.map(be32))
}

function checksum(data: Uint8Array): Uint8Array {
    let sum = 0
    for (let i = 0; i < data.length; i += 2) sum += (data[i]! << 8) | (data[i + 1] ?? 0)
    while (sum >>> 16) sum = (sum & 0xffff) + (sum >>> 16)
    return be16(~sum & 0xffff)
}

function withChecksum(data: Uint8Array, at: number, pseudo: Uint8Array): Uint8Array {
    const result = Uint8Array.from(data)
    result.set(checksum(join(pseudo, result)), at)
    return result
}

/** A transport: its protocol number and its bytes, once the addresses are known. */
export type Transport = { readonly protocol: number; readonly make: (pseudo: Uint8Array) => Uint8Array }

export type TcpParts = {
    readonly from?: number
    readonly sequence?: number
    readonly flags?: number
    readonly options?: Uint8Array
    readonly words?: number
}

/** TCP; by default a SYN from port 40000 with sequence number 0x01020304. `words` is the data offset as it is sent. */
export function tcp(port: number, parts: TcpParts = {}): Transport {
    const {
        from = 40_000,
        sequence = 0x01020304,
        flags = 2,
        options = zeros(0),
        words = 5 + options.length / 4,
    } = parts
    const header = [be16(from), be16(port), be32(sequence), be32(0), bytes(words << 4, flags), be16(64_240), zeros(4)]
    const data = join(...header, options)
    return { protocol: 6, make: (pseudo) => withChecksum(data, 16, pseudo) }
}

/** UDP; `size` is the length field as it is sent. */
export function udp(port: number, payload = zeros(0), parts: { from?: number; size?: number } = {}): Transport {
    const { from = 40_000, size = 8 + payload.length } = parts
    const data = join(be16(from), be16(port), be16(size), zeros(2), payload)
    return { protocol: 17, make: (pseudo) => withChecksum(data, 6, pseudo) }
}

/** An ICMP message, by default an echo request with identifier 0x0a0b and sequence 7. */
export function icmp(size: number, type = 8, code = 0): Transport {
    const data = join(bytes(type, code), zeros(2), be16(0x0a0b), be16(7), zeros(size).fill(0x5a))
    return { protocol: 1, make: () => withChecksum(data, 2, zeros(0)) }
}

/** The same for ICMPv6. */
export function icmp6(size: number, type = 128, code = 0): Transport {
    return {
        protocol: 58,
        make: (pseudo) => withChecksum(icmp(size, type, code).make(zeros(0)).fill(0, 2, 4), 2, pseudo),
    }
}

export type Ipv4Parts = {
    readonly source?: string
    readonly destination?: string
    readonly options?: Uint8Array
    /** More fragments follow. */
    readonly more?: boolean
    /** Fragment offset in units of 8 bytes. */
    readonly offset?: number
    /** Keep only so many bytes of the transport. */
    readonly keep?: number
    readonly total?: number
    readonly words?: number
    readonly protocol?: number
}

/** An IPv4 packet. `total` and `words` are the length fields as they are sent. */
export function ipv4(transport: Transport, parts: Ipv4Parts = {}): Uint8Array {
    const { source = SOURCE4, destination = LOCAL4, options = zeros(0), more = false, offset = 0 } = parts
    const { protocol = transport.protocol, words = 5 + options.length / 4 } = parts
    const whole = transport.make(zeros(0)).length
    const pseudo = join(raw(source), raw(destination), be16(transport.protocol), be16(whole))
    const data = transport.make(pseudo).subarray(0, parts.keep)
    const total = parts.total ?? 20 + options.length + data.length
    const start = [bytes(0x40 | words, 0), be16(total), be16(0x1234), be16((more ? 0x2000 : 0) | offset)]
    const header = join(...start, bytes(64, protocol), zeros(2), raw(source), raw(destination), options)
    return join(withChecksum(header, 10, zeros(0)), data)
}

/** An IPv6 extension header: its number, and its bytes once the next header is known. */
export type Extension = { readonly number: number; readonly make: (next: number) => Uint8Array }

/** Hop-by-hop (0), destination options (60): padding of 8 * units bytes in all. */
export function options6(number: 0 | 60, units = 1): Extension {
    const padding = units * 8 - 4
    return { number, make: (next) => join(bytes(next, units - 1, 1, padding), zeros(padding)) }
}

export const routing6 = (left: number): Extension => ({
    number: 43,
    make: (next) => join(bytes(next, 0, 4, left), zeros(4)),
})

export const fragment6 = (offset: number, more: boolean): Extension => ({
    number: 44,
    make: (next) => join(bytes(next, 0), be16((offset << 3) | (more ? 1 : 0)), be32(0x99)),
})

/** An authentication header of 4 * (units + 2) bytes. */
export const authentication6 = (units = 4): Extension => ({
    number: 51,
    make: (next) => join(bytes(next, units), zeros(units * 4 + 6)),
})

export type Ipv6Parts = {
    readonly source?: string
    readonly destination?: string
    readonly extensions?: readonly Extension[]
    readonly keep?: number
    readonly total?: number
    readonly next?: number
}

/** An IPv6 packet; `total` is the payload length as it is sent, `next` replaces the last next-header number. */
export function ipv6(transport: Transport, parts: Ipv6Parts = {}): Uint8Array {
    const { source = SOURCE6, destination = LOCAL6, extensions = [], next = transport.protocol } = parts
    const whole = transport.make(zeros(0)).length
    const pseudo = join(raw(source), raw(destination), be32(whole), be32(transport.protocol))
    const data = transport.make(pseudo).subarray(0, parts.keep)
    const numbers = [...extensions.map(({ number }) => number), next]
    const headers = extensions.map(({ make }, i) => make(numbers[i + 1]!))
    const payload = join(...headers, data)
    const total = parts.total ?? payload.length
    return join(bytes(0x60, 0, 0, 0), be16(total), bytes(numbers[0]!, 64), raw(source), raw(destination), payload)
}

/** An Ethernet frame. `tags` are [EtherType, identifier] from the outside in. */
export function ethernet(
    type: number,
    payload: Uint8Array,
    tags: readonly (readonly [number, number])[] = [],
): Uint8Array {
    const outer = tags.map(([kind, id]) => join(be16(kind), be16(id)))
    return join(bytes(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2), ...outer, be16(type), payload)
}

/** PPPoE session data around a PPP protocol. */
export function pppoe(protocol: number, payload: Uint8Array, code = 0): Uint8Array {
    return join(bytes(0x11, code), be16(5), be16(payload.length + 2), be16(protocol), payload)
}
