/** PORT[:PROTO] as knock reads it, without its traps: what it would have sent somewhere else is refused. */
import type { Service } from "../../core/knock/hit.ts"

/** The port of a service by its name, or null: what services(5) says. */
export type Services = (name: string) => number | null

/** One port as it stands on the command line, for `-v`, and the packet that it means. */
export type Port = { readonly word: string; readonly hit: Service }

/** What is wrong with a port. `service`: no number, and no service of this host. */
export type PortProblem = {
    readonly code: "protocol" | "empty" | "range" | "udp-zero" | "service"
    readonly word: string
    /** What stands before the colon. */
    readonly port: string
}

/** What strtoul(3) reads as a decimal number: knock hands the text to getaddrinfo(3), which begins with that. */
const NUMBER = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/

const PROTOCOLS: Readonly<Record<string, Service["protocol"]>> = { "": "tcp", tcp: "tcp", udp: "udp" }

/** Reads one. `udp`: whatever stands behind the colon, UDP is meant (`-u`). */
export function readPort(word: string, udp: boolean, services: Services): Port | PortProblem {
    const colon = word.indexOf(":")
    const port = colon < 0 ? word : word.slice(0, colon)
    const protocol = PROTOCOLS[colon < 0 ? "" : word.slice(colon + 1).toLowerCase()]
    const problem = (code: PortProblem["code"]): PortProblem => ({ code, word, port })
    if (protocol === undefined) return problem("protocol")
    // The C library takes a star for no name at all, and that for port 0.
    if (port === "" || port === "*") return problem("empty")
    const number = NUMBER.exec(port)
    const value = number === null ? services(port) : Number(number[2])
    if (value === null) return problem("service")
    if (value > 65_535 || number?.[1] === "-") return problem("range")
    const hit = { protocol: udp ? "udp" : protocol, port: value } as const
    // A SYN to port 0 can be sent, and a sequence of knockd can ask for it.
    return hit.protocol === "udp" && value === 0 ? problem("udp-zero") : { word: port, hit }
}
