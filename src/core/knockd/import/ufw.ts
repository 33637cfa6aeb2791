/** ufw(8): a rule that lets the knocker in. */
import type { Service } from "../../knock/hit.ts"
import { isKnocker, type Understood, type Why, type Wider } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"

/** The word before where packets come from. */
const SOURCE = "from"
const CLAUSES = [SOURCE, "to", "port", "proto", "comment"]

/** Reads the words of a command; `start`: where its arguments begin. */
export function readUfw(words: readonly string[], start: number): Understood {
    const args = words.slice(start)
    const take = (...wanted: readonly string[]) => (wanted.includes(args[0] ?? "") ? args.shift()! : null)
    const unknown = (): Why => ({ why: "word", program: "ufw", word: args[0] ?? "" })
    take("--force")
    if (args[0] === "route") return { why: "forward" }
    const removes = take("delete") !== null
    if (removes) take("--force")
    if (take("insert") !== null && !/^\d+$/.test(args.shift() ?? "")) return { why: "short", program: "ufw" }
    take("prepend")
    if (take("allow") === null) {
        return /^(deny|reject|limit)$/.test(args[0] ?? "") ? { why: "verdict", verdict: args[0]! } : unknown()
    }
    const wider: Wider[] = []
    if (take("in") !== null && take("on") !== null) wider.push({ by: "interface", name: args.shift() ?? "" })

    const seen = new Map<string, string>()
    while (args.length > 0) {
        // A port behind `from` is the knocker's own.
        const word = take(...CLAUSES)
        const value = args.shift()
        if (word === null || value === undefined || seen.has(word)) {
            return { why: "word", program: "ufw", word: word ?? value ?? "" }
        }
        if (word === "port" && [...seen.keys()].findLast((key) => key === SOURCE || key === "to") !== "to") {
            return { why: "word", program: "ufw", word }
        }
        seen.set(word, value)
    }
    if (!isKnocker(seen.get(SOURCE) ?? "")) return { why: "source" }
    if ((seen.get("to") ?? "any") !== "any") return { why: "word", program: "ufw", word: seen.get("to")! }
    const port = seen.get("port")
    if (port === undefined) return { why: "every-port" }
    const named = seen.get("proto")
    const protocol = readProtocol(named ?? null)
    if (named !== undefined && named !== "any" && protocol === null) return { why: "protocol" }
    const protocols: readonly Service["protocol"][] = protocol === null ? ["tcp", "udp"] : [protocol]
    const services: Service[] = []
    for (const each of protocols) {
        const some = readServices("ufw", each, port.split(","), ":")
        if ("why" in some) return some
        services.push(...some)
    }
    const before = words.slice(0, start).join(" ")
    const admit = removes ? null : `${before} allow ${port}${protocol === null ? "" : `/${protocol}`}`
    return { move: removes ? "remove" : "add", reach: { services, ms: null, admit, wider } }
}
