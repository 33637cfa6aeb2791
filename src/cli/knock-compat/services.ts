/** Names of services: `/etc/services`, as the C library reads it. */
import { readFileSync } from "node:fs"
import type { Services } from "./port.ts"

/** In this order getaddrinfo(3) asks, whatever the port is wanted for. */
const PROTOCOLS = ["tcp", "udp", "dccp", "udplite", "sctp"]

/** The names of a services(5) text. The first line that has the name counts. */
export function readServices(text: string): Services {
    const entries = text.split("\n").flatMap((line) => {
        const [, name, port, protocol, aliases] = /^\s*(\S+)\s+(\d+)\/(\S+)(.*)$/.exec(line.replace(/#.*/, "")) ?? []
        if (name === undefined) return []
        return [
            {
                names: [name, ...(aliases ?? "").split(/\s+/).filter((alias) => alias !== "")],
                port: Number(port),
                protocol,
            },
        ]
    })
    return (name) => {
        for (const protocol of PROTOCOLS) {
            const found = entries.find((entry) => entry.protocol === protocol && entry.names.includes(name))
            if (found !== undefined) return found.port
        }
        return null
    }
}

/** The names of this host. The file is read when the first of them is asked for; a host without it has none. */
export function hostServices(file = "/etc/services"): Services {
    let services: Services | null = null
    return (name) => {
        services ??= readServices(contents(file))
        return services(name)
    }
}

function contents(file: string): string {
    try {
        return readFileSync(file, "latin1")
    } catch {
        return ""
    }
}
