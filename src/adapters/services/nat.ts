/**
 * Which ports a host publishes by rewriting destinations, out of what the tools print: the JSON of nftables
 * (libnftables-json(5)) and the text of iptables-save(8). Pure, bounded, and blind to whatever it does not know:
 * a rule without a destination port (a whole host handed on) names no service.
 */
import type { Service } from "../../core/knock/hit.ts"

/** Ours: a range wider than this is no list of services, and all ranges together are cut off here. */
const WIDEST_RANGE = 1024
const MOST_SERVICES = 4096

type Protocol = Service["protocol"]
type Json = { readonly [key: string]: unknown }

/** A table that rewrites destinations of arriving packets. */
export type NatTable = { readonly family: string; readonly name: string }

/** The tables with a NAT chain at prerouting, but ours, from the JSON of `list chains`. */
export function natTables(json: string): NatTable[] {
    const found = new Map<string, NatTable>()
    for (const { chain } of entries(json)) {
        if (!isObject(chain) || chain["type"] !== "nat" || chain["hook"] !== "prerouting") continue
        const [family, name] = [chain["family"], chain["table"]]
        if (typeof family !== "string" || typeof name !== "string") continue
        // Other names would need quoting, for which there is no rule.
        if (!/^(ip|ip6|inet)$/.test(family) || !/^[A-Za-z_][\w./-]*$/.test(name)) continue
        if (name !== "postern") found.set(`${family} ${name}`, { family, name })
    }
    return [...found.values()]
}

/** The published services in the JSON of `list table`; `opaque`: some rules are iptables' and not told here. */
export function natServices(json: string): { readonly services: readonly Service[]; readonly opaque: boolean } {
    const all = entries(json)
    const sets = new Map<string, readonly unknown[]>()
    const elsewhere = new Set<unknown>()
    for (const { set, map, chain } of all) {
        for (const one of [set, map]) if (isObject(one)) sets.set(String(one["name"]), list(one["elem"]))
        if (isObject(chain) && typeof chain["hook"] === "string" && chain["hook"] !== "prerouting")
            elsewhere.add(chain["name"])
    }
    const collected = new Collected()
    let opaque = false
    for (const { rule } of all) {
        if (!isObject(rule) || elsewhere.has(rule["chain"])) continue
        const statements = list(rule["expr"]).filter(isObject)
        opaque ||= statements.some(({ xt }) => isObject(xt) && /^(DNAT|REDIRECT)$/.test(String(xt["name"])))
        readRule(statements, sets, collected)
    }
    return { services: collected.services, opaque }
}

/** The published services in the output of `iptables-save -t nat`. */
export function savedServices(text: string): Service[] {
    const collected = new Collected()
    for (const line of text.split("\n")) {
        const words = line.split(/\s+/)
        if (words[0] !== "-A" || words[1] === "OUTPUT" || words[1] === "POSTROUTING") continue
        // Where our iptables back end leads to.
        if (words[1]?.startsWith("POSTERN-")) continue
        if (!/^(DNAT|REDIRECT)$/.test(after(words, "-j") ?? "")) continue
        const protocol = after(words, "-p")
        if (protocol !== "tcp" && protocol !== "udp") continue
        for (const part of (after(words, "--dport") ?? after(words, "--dports") ?? "").split(",")) {
            const range = /^(\d+)(?::(\d+))?$/.exec(part)
            if (range) collected.add([protocol], Number(range[1]), Number(range[2] ?? range[1]))
        }
    }
    return collected.services
}

/** Each service once, up to the limit. */
class Collected {
    readonly services: Service[] = []
    readonly #seen = new Set<string>()

    add(protocols: readonly Protocol[], from: number, to: number): void {
        if (!(from >= 0 && to <= 65_535) || to - from >= WIDEST_RANGE) return
        for (const protocol of protocols) {
            for (let port = from; port <= to && this.services.length < MOST_SERVICES; port++) {
                const key = `${protocol}/${port}`
                if (this.#seen.has(key)) continue
                this.#seen.add(key)
                this.services.push({ protocol, port })
            }
        }
    }
}

function readRule(statements: readonly Json[], sets: ReadonlyMap<string, readonly unknown[]>, out: Collected): void {
    let publishes = false
    let protocols: readonly Protocol[] = ["tcp", "udp"]
    const keys: { readonly left: unknown; readonly values: readonly unknown[] }[] = []
    const resolve = (value: unknown): readonly unknown[] => {
        if (typeof value === "string" && value.startsWith("@")) return sets.get(value.slice(1)) ?? []
        return isObject(value) && Array.isArray(value["set"]) ? value["set"] : [value]
    }
    for (const { match, dnat, redirect, vmap } of statements) {
        if (isObject(match) && (match["op"] === "==" || match["op"] === "in")) {
            const values = resolve(match["right"])
            const { left } = match
            if (isObject(left) && isObject(left["meta"]) && left["meta"]["key"] === "l4proto")
                protocols = values.flatMap(protocolOf)
            else keys.push({ left, values })
        }
        publishes ||= dnat !== undefined || redirect !== undefined || vmap !== undefined
        // Maps by port: `dnat to tcp dport map { 80 : … }`, `tcp dport vmap { 80 : jump … }`.
        for (const mapped of [vmap, mapIn(dnat, "addr"), mapIn(dnat, "port"), mapIn(redirect, "port")]) {
            if (isObject(mapped)) keys.push({ left: mapped["key"], values: resolve(mapped["data"]).map(keyOf) })
        }
    }
    if (!publishes) return
    for (const { left, values } of keys) for (const value of values) readKey(left, unwrap(value), protocols, out)
}

/** One value of a key: of `tcp dport`, `th dport`, or of a concatenation that has one of them in it. */
function readKey(left: unknown, value: unknown, protocols: readonly Protocol[], out: Collected): void {
    const [lefts, values] = [parts(left), parts(value)]
    let those = protocols
    let ports: readonly [number, number] | null = null
    lefts.forEach((part, index) => {
        if (!isObject(part)) return
        const { payload, meta } = part
        if (isObject(meta) && meta["key"] === "l4proto") those = protocolOf(values[index])
        if (!isObject(payload) || payload["field"] !== "dport") return
        if (payload["protocol"] !== "th") those = protocolOf(payload["protocol"])
        ports = rangeOf(values[index])
    })
    if (ports !== null) out.add(those, ports[0], ports[1])
}

function parts(value: unknown): readonly unknown[] {
    return isObject(value) && Array.isArray(value["concat"]) ? value["concat"] : [value]
}

function mapIn(statement: unknown, field: string): unknown {
    const value = isObject(statement) ? statement[field] : undefined
    return isObject(value) ? value["map"] : undefined
}

/** The key of a map's pair. */
function keyOf(pair: unknown): unknown {
    return Array.isArray(pair) ? pair[0] : undefined
}

/** An element with a timeout, a comment or a counter is wrapped. */
function unwrap(value: unknown): unknown {
    return isObject(value) && isObject(value["elem"]) ? value["elem"]["val"] : value
}

function rangeOf(value: unknown): readonly [number, number] | null {
    if (typeof value === "number") return [value, value]
    const range = isObject(value) ? list(value["range"]) : []
    const [from, to] = range
    return typeof from === "number" && typeof to === "number" ? [from, to] : null
}

function protocolOf(value: unknown): Protocol[] {
    const plain = unwrap(value)
    if (plain === "tcp" || plain === 6) return ["tcp"]
    return plain === "udp" || plain === 17 ? ["udp"] : []
}

function entries(json: string): Json[] {
    let parsed: unknown
    try {
        parsed = JSON.parse(json)
    } catch {
        return []
    }
    return isObject(parsed) ? list(parsed["nftables"]).filter(isObject) : []
}

function list(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is Json {
    return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** The word after an option, unless the option is negated. */
function after(words: readonly string[], option: string): string | undefined {
    const at = words.indexOf(option)
    return at < 0 || words[at - 1] === "!" ? undefined : words[at + 1]
}
