/**
 * Who lets in what is sent to this host, and on what is sent through it, out of the JSON of `list ruleset`
 * (libnftables-json(5)). Pure.
 */
import type { Admission, FilterFact } from "../../core/doctor/facts.ts"
import { INTERNAL } from "../../core/doctor/internal.ts"
import type { Service } from "../../core/knock/hit.ts"
import { type Network, parseNetwork } from "../../core/net/address.ts"
import { reached } from "./reach.ts"
import { between } from "./saved-rules.ts"

type Json = { readonly [key: string]: unknown }

/** What a ruleset says of this host. */
export type Listed = {
    /** Chains at input and forward that are neither ours nor iptables'. */
    readonly filters: readonly FilterFact[]
    /** Our table: is it there, and does it look at rewritten destinations? */
    readonly ours: { readonly there: boolean; readonly translates: boolean }
    /** Families (`ip`, `ip6`) whose table `filter` is kept by iptables: its own programs tell more of it. */
    readonly iptables: readonly string[]
    /** Names of all tables and chains, to be known by. */
    readonly names: readonly string[]
}

/** See the head of the file: one listing of everything, or one for each table. Text that is no JSON holds nothing. */
export function listedRules(json: readonly string[]): Listed {
    const all = json.flatMap(entries)
    const chains = all.flatMap(({ chain }) => (isObject(chain) ? [chain] : []))
    const rules = all.flatMap(({ rule }) => (isObject(rule) ? [rule] : []))
    const ours = chains.filter(({ family, table }) => family === "inet" && table === "postern")
    const iptables = chains.filter(
        ({ family, table, name }) =>
            /^ip6?$/.test(text(family)) && table === "filter" && /^(INPUT|FORWARD)$/.test(text(name)),
    )
    const others = chains.filter(
        (chain) => !ours.includes(chain) && !iptables.includes(chain) && FAMILIES.has(text(chain["family"])),
    )
    return {
        filters: others.flatMap((base) => {
            const { hook, type } = base
            return (hook === "input" || hook === "forward") && type === "filter" ? [filterOf(hook, base, rules)] : []
        }),
        ours: {
            there: all.some(
                ({ table }) => isObject(table) && table["family"] === "inet" && table["name"] === "postern",
            ),
            translates: ours.some(({ name }) => name === "rewritten"),
        },
        iptables: [...new Set(iptables.map(({ family }) => text(family)))],
        names: [
            ...all.flatMap(({ table }) => (isObject(table) ? [text(table["name"])] : [])),
            ...chains.map(({ name }) => text(name)),
        ],
    }
}

/** Tables with chains, such as `inet filter`, out of the JSON of `list chains`. */
export function listedTables(json: string): string[] {
    const chains = entries(json).flatMap(({ chain }) => (isObject(chain) ? [chain] : []))
    return [...new Set(chains.map(({ family, table }) => `${text(family)} ${text(table)}`))]
}

const FAMILIES: ReadonlyMap<string, FilterFact["families"]> = new Map([
    ["ip", ["IPv4"]],
    ["ip6", ["IPv6"]],
    ["inet", ["IPv4", "IPv6"]],
])

function filterOf(hook: FilterFact["hook"], base: Json, rules: readonly Json[]): FilterFact {
    const same = rules.filter((one) => one["family"] === base["family"] && one["table"] === base["table"])
    const statements = (rule: Json) => list(rule["expr"]).filter(isObject)
    const chains = reached(
        text(base["name"]),
        same.flatMap((rule) => targets(rule["expr"]).map((to) => [text(rule["chain"]), to] as const)),
    )
    const last = same.findLast(({ chain }) => chain === base["name"])
    const admitting = same
        .filter(({ chain }) => chains.has(text(chain)))
        .map(statements)
        .filter((some) => !some.some(isRefusal))
    return {
        name: [base["family"], base["table"], base["name"]].map(text).join(" "),
        hook,
        families: FAMILIES.get(text(base["family"])) ?? [],
        by: "nft",
        closed:
            base["policy"] === "drop" ||
            (last !== undefined && statements(last).some(isRefusal) && !statements(last).some(isMatch)),
        admits: admitting.flatMap(admitted),
        marks: admitting.flatMap(marksOf),
        rewritten: admitting.some((some) => some.some((one) => matched(one, "status") === "dnat")),
        unclear: admitting.some(isUnclear),
    }
}

/** Chains that a rule jumps to, by a map of verdicts, too. */
function targets(expression: unknown): string[] {
    if (Array.isArray(expression)) return expression.flatMap(targets)
    if (!isObject(expression)) return []
    return Object.entries(expression).flatMap(([key, value]) =>
        (key === "jump" || key === "goto") && isObject(value) ? [text(value["target"])] : targets(value),
    )
}

function isRefusal(statement: Json): boolean {
    return statement["drop"] !== undefined || statement["reject"] !== undefined
}

function isMatch(statement: Json): boolean {
    return statement["match"] !== undefined || statement["vmap"] !== undefined || statement["limit"] !== undefined
}

/** What a rule lets in, or a jump on to others; an empty list where it is about something else than ports and places. */
function admitted(statements: readonly Json[]): Admission[] {
    const places = placesOf(statements)
    const { services } = portsOf(statements)
    if (services.length > 0) return services.flatMap((service) => places.map((to) => ({ service, to })))
    const accepts = statements.some((one) => "accept" in one)
    const whole = accepts && !statements.some((one) => narrows(one) && !isPlace(one))
    return whole ? places.flatMap((to) => (to === null ? [] : [{ service: null, to }])) : []
}

const isPlace = ({ match }: Json) => isObject(match) && /"field":"daddr"/.test(JSON.stringify(match["left"]))

/** Where what a rule is about goes to; null: anywhere, or where cannot be read. */
function placesOf(statements: readonly Json[]): readonly (Network | null)[] {
    const match = statements.find(isPlace)?.["match"]
    if (!isObject(match) || match["op"] === "!=") return [null]
    return values(match["right"]).map((value) => {
        const { prefix } = isObject(value) ? value : { prefix: null }
        if (isObject(prefix)) return parseNetwork(`${text(prefix["addr"])}/${String(prefix["len"])}`)
        return parseNetwork(text(value))
    })
}

/** It is for some packets alone, and not for those of a knocker's new connection. */
function narrows({ match }: Json): boolean {
    if (!isObject(match)) return false
    const [left, right] = [JSON.stringify(match["left"]), match["right"]]
    if (/"key":"iif(name)?"/.test(left)) return right === "lo" || (match["op"] !== "!=" && INTERNAL.test(text(right)))
    return /"ct"|"saddr"|icmp|"daddr"|"sport"|"pkttype"/.test(left) || /icmp|igmp|vrrp/.test(JSON.stringify(right))
}

/** It accepts, and which ports cannot be told. */
function isUnclear(statements: readonly Json[]): boolean {
    const { services, unknown } = portsOf(statements)
    // A map with a name has its chains and ports elsewhere.
    if (unknown || statements.some(({ vmap }) => isObject(vmap) && typeof vmap["data"] === "string")) return true
    const accepts = statements.some((one) => "accept" in one)
    if (!accepts || services.length > 0 || marksOf(statements).length > 0) return false
    if (statements.some(isPlace) && placesOf(statements).includes(null)) return true
    return !statements.some(narrows)
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
