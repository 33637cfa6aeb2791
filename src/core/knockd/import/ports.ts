/** Ports as the firewall programs write them. */
import { LIMITS } from "../../config/defaults.ts"
import type { Service } from "../../knock/hit.ts"
import { SERVICE_NUMBERS } from "../../knock/ports.ts"
import type { Why } from "./move.ts"

type Protocol = Service["protocol"]

/** Reads a protocol by its name or number; null for all others. */
export function readProtocol(text: string | null): Protocol | null {
    const word = text?.toLowerCase()
    return word === "tcp" || word === "6" ? "tcp" : word === "udp" || word === "17" ? "udp" : null
}

/** Reads `22`, `ssh`, and ranges as `program` writes them: `dash` stands between their ends. */
export function readServices(
    program: string,
    protocol: Protocol,
    items: readonly string[],
    dash: ":" | "-",
): Service[] | Why {
    const [, most] = LIMITS.opens
    const ports: number[] = []
    for (const item of items) {
        const [from, to = from, more] = item.split(dash)
        const [first, last] = [readPort(from!), readPort(to!)]
        if (first === null || last === null || last < first || more !== undefined) {
            return { why: "word", program, word: item }
        }
        if (last - first >= most) return { why: "many" }
        for (let port = first; port <= last; port++) if (!ports.includes(port)) ports.push(port)
        if (ports.length > most) return { why: "many" }
    }
    return ports.length === 0 ? { why: "every-port" } : ports.map((port) => ({ protocol, port }))
}

function readPort(text: string): number | null {
    const named = SERVICE_NUMBERS.get(text)
    if (named !== undefined) return named
    const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
    return port >= 1 && port <= 65_535 ? port : null
}
