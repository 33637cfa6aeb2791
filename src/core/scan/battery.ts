/** All probes of one family for a port of one protocol. Sizes: 130 and 125 for TCP; 66 and 62 for UDP. */
import type { Service } from "../knock/hit.ts"
import { ACK, FIN } from "../net/packet.ts"
import { type Carried, ipProbes } from "./ip-probes.ts"
import { type Body, type Family, type Probe, probe } from "./probe.ts"
import { segment, tcpProbes } from "./tcp-probes.ts"
import { datagram, udpProbes } from "./udp-probes.ts"

const BY_TCP: Carried = {
    plain: segment(),
    long: segment({ data: 28 }),
    from: (sourcePort) => segment({ sourcePort }),
    more: [
        ["ACK", segment({ flags: ACK, acknowledged: 1 })],
        ["FIN", segment({ flags: FIN })],
    ],
    rationed: false,
}

const BY_UDP: Carried = {
    plain: datagram({ data: 4 }),
    long: datagram({ data: 40 }),
    from: (sourcePort) => datagram({ data: 4, sourcePort }),
    more: [],
    rationed: true,
}

/** RFC 9260: INIT with its chunk; RFC 4340: a request. */
const SCTP: Body = {
    protocol: 132,
    afterPorts: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 1, 2, 3, 4, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1],
}
const DCCP: Body = { protocol: 33, afterPorts: [5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0] }
const UDP_LITE: Body = { protocol: 136, afterPorts: [0, 8, 0, 0, 1, 2, 3, 4], coverage: "udp-lite" }

function other(name: string, body: Body): Probe {
    return probe("others", name, { body }, { rationed: true })
}

/** The probes, in the order of their groups. */
export function battery(family: Family, protocol: Service["protocol"]): readonly Probe[] {
    const others = [
        other("SCTP", SCTP),
        other("UDP-Lite", UDP_LITE),
        other("an ICMP error about nothing", { protocol: "error" }),
        ...(family === 4 ? [other("DCCP", DCCP)] : []),
    ]
    if (protocol === "udp") return [...udpProbes(), ...ipProbes(family, BY_UDP), ...others]
    return [...tcpProbes(family), ...ipProbes(family, BY_TCP), ...udpProbes().slice(0, family === 4 ? 4 : 2), ...others]
}
