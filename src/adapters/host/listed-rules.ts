/** Who lets in what is sent to this host, out of the JSON of `list ruleset` (libnftables-json(5)). Pure. */
import type { FilterFact } from "../../core/doctor/facts.ts"
import type { Service } from "../../core/knock/hit.ts"
import { between } from "./saved-rules.ts"

type Json = { readonly [key: string]: unknown }

/** What a ruleset says of this host. */
export type Listed = {
    /** Chains at input that are neither ours nor iptables'. */
    readonly filters: readonly FilterFact[]
    /** Our table: is it there, and does it look at rewritten destinations? */
    readonly ours: { readonly there: boolean; readonly translates: boolean }
    /** Families (`ip`, `ip6`) whose table `filter` is kept by iptables: its own programs tell more of it. */
    readonly iptables: readonly string[]
    /** Names of all tables and chains, to be known by. */
    readonly names: readonly string[]
}

/** See the head of the file. Text that is no JSON holds nothing. */
export function listedRules(json: string): Listed {
    const all = entries(json)
    const chains = all.flatMap(({ chain }) => (isObject(chain) ? [chain] : []))
    const rules = all.flatMap(({ rule }) => (isObject(rule) ? [rule] : []))
    const ours = chains.filter(({ family, table }) => family === "inet" && table === "postern")
    const iptables = chains.filter(
        ({ family, table, name }) => /^ip6?$/.test(text(family)) && table === "filter" && name === "INPUT",
    )
    const others = chains.filter(
        (chain) => !ours.includes(chain) && !iptables.includes(chain) && /^(ip|ip6|inet)$/.test(text(chain["family"])),
    )
    return {
        filters: others
            .filter(({ hook, type }) => hook === "input" && type === "filter")
            .map((base) => filterOf(base, others, rules)),
        ours: {
            there: all.some(
                ({ table }) => isObject(table) && table["family"] === "inet" && table["name"] === "postern",
            ),
            translates: ours.some(({ hook, type }) => hook === "prerouting" && type === "nat"),
        },
        iptables: iptables.map(({ family }) => text(family)),
        names: [
            ...all.flatMap(({ table }) => (isObject(table) ? [text(table["name"])] : [])),
            ...chains.map(({ name }) => text(name)),
        ],
    }
}

function filterOf(base: Json, chains: readonly Json[], rules: readonly Json[]): FilterFact {
    const same = (one: Json) => one["family"] === base["family"] && one["table"] === base["table"]
    const elsewhere = new Set(
        chains
            .filter((one) => same(one) && one["hook"] !== undefined && one["hook"] !== "input")
            .map(({ name }) => name),
    )
    const there = rules.filter((rule) => same(rule) && !elsewhere.has(rule["chain"]))
    const own = there.filter(({ chain }) => chain === base["name"])
    const last = own.at(-1)
    const statements = (rule: Json) => list(rule["expr"]).filter(isObject)
    const admitting = there.map(statements).filter((some) => !some.some(isRefusal))
    return {
        name: [base["family"], base["table"], base["name"]].map(text).join(" "),
        by: "nft",
        closed:
            base["policy"] === "drop" ||
            (last !== undefined && statements(last).some(isRefusal) && !statements(last).some(isMatch)),
        admits: admitting.flatMap((some) => portsOf(some).services),
        marks: admitting.flatMap(marksOf),
        rewritten: admitting.some((some) => some.some((one) => matched(one, "status") === "dnat")),
        unclear: admitting.some((some) => isUnclear(some)),
    }
}

function isRefusal(statement: Json): boolean {
    return statement["drop"] !== undefined || statement["reject"] !== undefined
}

function isMatch(statement: Json): boolean {
    return statement["match"] !== undefined || statement["vmap"] !== undefined || statement["limit"] !== undefined
}

/** It accepts, and which ports cannot be told. */
function isUnclear(statements: readonly Json[]): boolean {
    const { services, unknown } = portsOf(statements)
    if (unknown) return true
    const accepts = statements.some((one) => "accept" in one)
    if (!accepts || services.length > 0 || marksOf(statements).length > 0) return false
    const narrow = statements.some(({ match }) => {
        const left = isObject(match) ? JSON.stringify(match["left"]) : ""
        const right = isObject(match) ? match["right"] : null
        if (/"key":"iif(name)?"/.test(left)) return right === "lo"
        return /"ct"|"saddr"|icmp|"daddr"|"sport"|"pkttype"/.test(left) || /icmp|igmp|vrrp/.test(JSON.stringify(right))
    })
    return !narrow
}

function portsOf(statements: readonly Json[]): { readonly services: Service[]; readonly unknown: boolean } {
    const services: Service[] = []
    let unknown = false
    let protocols: readonly Service["protocol"][] = ["tcp", "udp"]
    for (const { match, vmap } of statements) {
        if (isObject(vmap) && JSON.stringify(vmap["key"]).includes('"dport"')) unknown = true
        if (!isObject(match)) continue
        const { left, right } = match
        const key = JSON.stringify(left)
        if (/"l4proto"/.test(key) && !/concat/.test(key))
            protocols = values(right).flatMap((one) => (one === "tcp" || one === "udp" ? [one] : []))
        if (!/"field":"dport"/.test(key)) continue
        const own = /"protocol":"(tcp|udp)"/.exec(key)?.[1]
        const those: typeof protocols = own === "tcp" || own === "udp" ? [own] : protocols
        if (/concat/.test(key) || (typeof right === "string" && right.startsWith("@"))) unknown = true
        for (const value of values(right)) {
            const [from, to] = rangeOf(value)
            for (const protocol of those) services.push(...between(protocol, from, to))
        }
    }
    return { services, unknown }
}

function marksOf(statements: readonly Json[]): number[] {
    return statements.flatMap(({ match }) => {
        if (!isObject(match)) return []
        const left = JSON.stringify(match["left"])
        if (!/"meta":\{"key":"mark"\}/.test(left)) return []
        const bit = Number(/,(\d+)\]\}$/.exec(left)?.[1] ?? match["right"])
        return Number.isInteger(bit) ? [bit] : []
    })
}

/** What a connection's key is held against. */
function matched({ match }: Json, key: string): unknown {
    const left = isObject(match) ? match["left"] : undefined
    const ct = isObject(left) ? left["ct"] : undefined
    return isObject(ct) && ct["key"] === key && isObject(match) ? match["right"] : undefined
}

function values(right: unknown): readonly unknown[] {
    return isObject(right) && Array.isArray(right["set"]) ? right["set"] : [right]
}

function rangeOf(value: unknown): readonly [number, number] {
    const range = isObject(value) ? list(value["range"]) : [value, value]
    return [Number(range[0] ?? -1), Number(range[1] ?? -1)]
}

/** The services of the set of ours that has what is hidden, out of the JSON of `list set`. */
export function listedHidden(json: string): Service[] {
    return entries(json).flatMap(({ set }) => {
        const elements = isObject(set) ? list(set["elem"]) : []
        return elements.flatMap((one): Service[] => {
            const plain = isObject(one) && isObject(one["elem"]) ? one["elem"]["val"] : one
            const [protocol, port] = isObject(plain) ? list(plain["concat"]) : []
            const known =
                protocol === 6 || protocol === "tcp" ? "tcp" : protocol === 17 || protocol === "udp" ? "udp" : null
            return known === null || typeof port !== "number" ? [] : [{ protocol: known, port }]
        })
    })
}

function entries(json: string): Json[] {
    try {
        const parsed: unknown = JSON.parse(json)
        return isObject(parsed) ? list(parsed["nftables"]).filter(isObject) : []
    } catch {
        return []
    }
}

function list(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is Json {
    return typeof value === "object" && value !== null && !Array.isArray(value)
}

function text(value: unknown): string {
    return typeof value === "string" ? value : ""
}
