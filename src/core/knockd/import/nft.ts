/** nft(8): a rule that lets the knocker in, or an element of a set that names the service, too. */
import type { Service } from "../../knock/hit.ts"
import { parseDuration } from "../../knock/language.ts"
import { isKnocker, TOKEN, type Understood, type Why, type Wider, whyNotInput } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"
import { quoted } from "./words.ts"

const FAMILIES = ["inet", "ip", "ip6"]
const STATES = ["new", "established", "related"]

/** Reads the words of a command; `start`: where its arguments begin. nft itself takes them as one text. */
export function readNft(words: readonly string[], start: number): Understood {
    const text = words.slice(start).join(" ")
    const tokens = [...text.matchAll(/"[^"]*"|[{},;]|[^ \t{},;"]+/g)].map(([token]) => token)
    const [verb = "", object = "", ...rest] = tokens
    const given = FAMILIES.includes(rest[0] ?? "")
    const [table, name, ...body] = given ? rest.slice(1) : rest
    if (table === undefined || name === undefined || body.length === 0) return { why: "short", program: "nft" }
    if (object === "element" && /^(add|create|delete|destroy)$/.test(verb)) {
        return readElements(verb === "add" || verb === "create", name, body)
    }
    if (object !== "rule") return { why: "word", program: "nft", word: object }
    // A rule is deleted by its handle, which does not say what is in it.
    if (verb !== "add" && verb !== "insert") return { why: "word", program: "nft", word: verb }
    const chain = whyNotInput(name)
    if (chain !== null) return chain
    const before = [...words.slice(0, start), verb, object, ...(given ? [rest[0]!] : []), table, name]
    return readRule(before, body)
}

function readRule(before: readonly string[], body: readonly string[]): Understood {
    const tokens = new Tokens(body)
    const everybody: string[] = []
    let knocker = false
    let accepts = false
    let ports: { readonly protocol: Service["protocol"]; readonly items: readonly string[] } | null = null
    const wider: Wider[] = []
    while (!tokens.done) {
        const from = tokens.at
        const word = tokens.next()
        const unknown: Why = { why: "word", program: "nft", word }
        if (accepts && word !== "comment") return unknown
        switch (word) {
            case "position":
            case "index":
                if (!/^\d+$/.test(tokens.next())) return unknown
                break
            case "ip":
            case "ip6":
                if (knocker || tokens.next() !== "saddr") return unknown
                if (!isKnocker(tokens.next())) return { why: "source" }
                knocker = true
                // Everybody needs no source.
                continue
            case "tcp":
            case "udp": {
                const items = tokens.next() === "dport" ? tokens.list() : null
                if (items === null || ports !== null) return unknown
                ports = { protocol: word, items }
                break
            }
            case "ct": {
                const states = tokens.next() === "state" ? tokens.list() : null
                if (states === null || !states.includes("new")) return unknown
                if (!states.every((state) => STATES.includes(state))) return unknown
                break
            }
            case "iif":
            case "iifname": {
                const name = tokens.next().replaceAll('"', "")
                if (name === "" || /^([{}!=]|==)/.test(name)) return unknown
                wider.push({ by: "interface", name })
                break
            }
            case "counter":
                break
            case "comment":
                // Quotes may be gone: the shell takes them.
                if (!/^[^{},;]/.test(tokens.next())) return unknown
                break
            case "accept":
                accepts = true
                break
            case "drop":
            case "reject":
            case "jump":
            case "goto":
            case "return":
                return { why: "verdict", verdict: word }
            default:
                return unknown
        }
        everybody.push(...body.slice(from, tokens.at))
    }
    if (!knocker) return { why: "source" }
    if (!accepts) return { why: "short", program: "nft" }
    if (ports === null) return { why: "every-port" }
    const services = readServices("nft", ports.protocol, ports.items, "-")
    if ("why" in services) return services
    const admit = [...before, ...everybody].map(quoted).join(" ")
    return { move: "add", reach: { services, ms: null, admit, wider } }
}

/** `{ %IP% . tcp . 22 timeout 30s }`: of a set of addresses alone nobody knows here what it opens. */
function readElements(adds: boolean, set: string, body: readonly string[]): Understood {
    const tokens = new Tokens(body)
    const services: Service[] = []
    const times = new Set<number | null>()
    if (tokens.next() !== "{") return { why: "short", program: "nft" }
    for (;;) {
        if (tokens.next() !== TOKEN) return { why: "source" }
        if (tokens.peek() !== ".") return { why: "set", set }
        tokens.next()
        const protocol = readProtocol(tokens.next())
        if (protocol === null || tokens.next() !== ".") return { why: "set", set }
        const some = readServices("nft", protocol, [tokens.next()], "-")
        if ("why" in some) return { why: "set", set }
        services.push(...some)
        let word = tokens.next()
        let ms: number | null = null
        if (word === "timeout") {
            const time = tokens.next()
            const read = parseDuration(/^\d+$/.test(time) ? `${time}s` : time)
            if (!read.ok) return { why: "word", program: "nft", word: time }
            ms = read.value
            word = tokens.next()
        }
        times.add(ms)
        if (word === "comment" && /^[^{},;]/.test(tokens.next())) word = tokens.next()
        if (word === "}") break
        if (word !== ",") return { why: "word", program: "nft", word }
    }
    if (!tokens.done) return { why: "word", program: "nft", word: tokens.next() }
    const [ms = null, ...others] = times
    if (others.length > 0) return { why: "mixed" }
    return { move: adds ? "add" : "remove", reach: { services, ms, admit: null, wider: [] } }
}

/** Tokens one by one; "" behind the last. */
class Tokens {
    readonly #tokens: readonly string[]
    at = 0

    constructor(tokens: readonly string[]) {
        this.#tokens = tokens
    }

    get done(): boolean {
        return this.at >= this.#tokens.length
    }

    peek(): string {
        return this.#tokens[this.at] ?? ""
    }

    next(): string {
        return this.#tokens[this.at++] ?? ""
    }

    /** One value, several with commas between, or the same in braces; null: none of these. */
    list(): string[] | null {
        const braces = this.peek() === "{"
        if (braces) this.next()
        const items: string[] = []
        for (;;) {
            const item = this.next()
            if (!/^\w[\w-]*$/.test(item)) return null
            items.push(item)
            if (this.peek() !== ",") break
            this.next()
            // nft takes a comma before the brace that closes.
            if (braces && this.peek() === "}") break
        }
        return braces && this.next() !== "}" ? null : items
    }
}
