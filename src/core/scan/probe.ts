/**
 * What a probe is: data. A probe says which packets are sent to one port, and leaves open to which one, from which
 * source port and with which sequence number: so the same probe goes to a hidden port and to closed ones, and what
 * comes back can be compared byte for byte. `shoot.ts` makes frames of it.
 */

/** What a probe tries. */
export type Group =
    | "flags"
    | "options"
    | "dscp"
    | "malformed"
    | "header"
    | "extensions"
    | "fragments"
    | "link"
    | "sequences"
    | "addresses"
    | "others"

export type Family = 4 | 6

/** An address that a packet is from or to: one of those that are known when it is sent, or this very one. */
export type Who = "us" | "host" | "unused" | "broadcast" | { readonly address: string }

/** The IP header, where it is not as usual. */
export type Header = {
    readonly source?: Who
    readonly destination?: Who
    /** TTL or hop limit. */
    readonly hops?: number
    /** DSCP and ECN: the TOS byte, the traffic class. */
    readonly tos?: number
    /** IPv4: options, padded with zeros to whole words. */
    readonly options?: readonly number[]
    /** IPv4: the identification, and what stands in the three bits of the flags. */
    readonly identification?: number
    readonly flags?: number
    readonly checksum?: "bad"
    /** IPv6. */
    readonly flowLabel?: number
    /** IPv6: extension headers by their number, each with its bytes after the first, which says what comes next. */
    readonly extensions?: readonly (readonly [number, readonly number[]])[]
}

/** What the IP packet carries. Bytes of data are zero. */
export type Body =
    | {
          readonly protocol: "tcp"
          readonly flags: number
          readonly options?: readonly number[]
          readonly data?: number
          /** Added to the sequence number that the probe is sent with. */
          readonly later?: number
          readonly acknowledged?: number
          readonly window?: number
          readonly urgent?: number
          /** The data offset that is written down, in words, whatever the header has. */
          readonly offset?: number
          /** The four bits after it: AE is the lowest (RFC 9768). */
          readonly reserved?: number
          readonly checksum?: Wrong
          /** So many bytes of it are sent. */
          readonly cut?: number
          /** "same": as the port that is asked. */
          readonly sourcePort?: number | "same"
      }
    | {
          readonly protocol: "udp"
          readonly data?: number
          /** Added to the length that is written down. */
          readonly longer?: number
          readonly checksum?: Wrong
          readonly cut?: number
          readonly sourcePort?: number | "same"
      }
    /** The ports, and then these bytes: SCTP, DCCP and whatever else has ports in front. */
    | { readonly protocol: number; readonly afterPorts: readonly number[]; readonly coverage?: "udp-lite" }
    /** An ICMP error that quotes a TCP packet from the asked port to ours, which there never was. */
    | { readonly protocol: "error" }

export type Wrong = "bad" | "zero"

/** How a packet is cut: into pieces of so many bytes. */
export type Pieces = {
    readonly size: number
    readonly order?: "in order" | "reversed" | "first only" | "last only" | "overlapping"
}

/** One packet. */
export type PacketSpec = {
    readonly body: Body
    readonly header?: Header
    readonly pieces?: Pieces
    /** Whom the frame is for. */
    readonly link?: "broadcast" | "multicast" | "foreign"
    /** Zeros behind the packet, as Ethernet adds them to short ones: the whole frame has so many bytes. */
    readonly padded?: number
}

/** One way to ask a port. Its packets are sent in one go. */
export type Probe = {
    /** Unique within a battery. */
    readonly name: string
    readonly group: Group
    readonly packets: readonly PacketSpec[]
    /** `link`: on the host's own link alone. `spoof`: that, and with the addresses of others. */
    readonly needs: "nothing" | "link" | "spoof"
    /** Answered, if at all, by an ICMP error, which hosts ration. */
    readonly rationed: boolean
}

/** A probe of one packet. */
export function probe(group: Group, name: string, packet: PacketSpec, more: Partial<Probe> = {}): Probe {
    return { group, name, packets: [packet], needs: "nothing", rationed: false, ...more }
}
