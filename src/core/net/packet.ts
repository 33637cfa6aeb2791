/**
 * The decoded packet: one object per capture, filled anew for each packet and lent to the sink for the time of the
 * call. Nothing in it is an object, so decoding allocates nothing.
 */

/** IP protocol numbers (IANA). Both echo protocols are decoded as ICMP. */
export const TCP = 6
export const UDP = 17
export const ICMP = 1
export const ICMPV6 = 58

/** TCP flag bits, byte 13 of the header (RFC 9293, section 3.1). */
export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20

/** A packet that can be a hit: TCP, UDP, or an ICMP or ICMPv6 echo request. */
export class Packet {
    /** When the kernel saw it: whole milliseconds on the engine's monotonic clock. Set by the capture. */
    time = 0
    /** Source and destination, 128 bits each as unsigned words; IPv4 is mapped (see address.ts). */
    source0 = 0
    source1 = 0
    source2 = 0
    source3 = 0
    destination0 = 0
    destination1 = 0
    destination2 = 0
    destination3 = 0
    /** TCP, UDP or ICMP (also for ICMPv6). */
    protocol = 0
    /** TCP and UDP: the destination port. ICMP: the payload size of the echo request in bytes. */
    port = 0
    /** TCP: the flag byte. Otherwise 0. */
    flags = 0
    /** What a retransmission repeats: TCP and UDP source port; ICMP: identifier. */
    sourcePort = 0
    /** What a retransmission repeats: TCP sequence number; ICMP: echo sequence number. UDP: 0. */
    sequence = 0
}
