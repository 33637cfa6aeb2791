/**
 * Who lets in what is sent to this host, and on what is sent through it, out of what `iptables-save` prints
 * (iptables-save(8)). Pure.
 */
import type { Admission, FilterFact } from "../../core/doctor/facts.ts"
import { INTERNAL } from "../../core/doctor/internal.ts"
import type { Service } from "../../core/knock/hit.ts"
import { type Network, parseNetwork } from "../../core/net/address.ts"
import { reached } from "./reach.ts"

/**
 * The chains INPUT and FORWARD of the table `filter`, each with all chains that it comes to. `table`: its name for
 * people.
 */
export function savedFilters(
    family: FilterFact["families"][number],
    by: string,
    table: string,
    saved: string,
): FilterFact[] {
    const text = saved.split(/^\*/m).find((one) => one.startsWith("filter\n"))
    if (text === undefined) return []
    const rules = text.split("\n").flatMap((line) => {
        const [add, chain, ...words] = line.trim().split(/\s+/)
        return add === "-A" && chain !== undefined && !OURS.test(chain) ? [{ chain, words }] : []
    })
    const jumps = rules.flatMap(({ chain, words }) => {
        const to = after(words, "-j") ?? after(words, "-g")
        return to === undefined ? [] : [[chain, to] as const]
    })
    return (["input", "forward"] as const).map((hook) => {
        const base = hook.toUpperCase()
        const chains = reached(base, jumps)
        const last = rules.findLast(({ chain }) => chain === base)?.words
        const policy = new RegExp(`^:${base} (\\w+)`, "m").exec(text)?.[1]
        const admitting = rules.filter(
            ({ chain, words }) => chains.has(chain) && !/^(DROP|REJECT|LOG|RETURN)$/.test(after(words, "-j") ?? ""),
        )
        return {
            name: `${table} ${base}`,
            hook,
            families: [family],
            by,
            closed: policy === "DROP" || (last?.[0] === "-j" && /^(DROP|REJECT)$/.test(last[1] ?? "")),
            admits: admitting.flatMap(({ words }) => admitted(words)),
            marks: admitting.flatMap(({ words }) => marksOf(words)),
            rewritten: admitting.some(({ words }) => /\bDNAT\b/.test(after(words, "--ctstate") ?? "")),
            unclear: admitting.some(isUnclear),
        }
    })
}

/** Services that our iptables back end refuses to strangers. */
export function savedHidden(saved: string): Service[] {
    const lines = saved.split("\n").map((line) => line.split(/\s+/))
    if (
        !lines.some(
            ([add, chain, ...rest]) => add === "-A" && chain === "INPUT" && rest.join(" ") === "-j POSTERN-HIDE",
        )
    )
        return []
    return lines
        .filter(([add, chain]) => add === "-A" && chain === "POSTERN-HIDE")
        .filter((words) => after(words, "-j") === "POSTERN-REFUSE")
        .flatMap(portsOf)
}

/** Are there rules, or policies that drop? Names of the tables that have some. */
export function savedTables(saved: string): string[] {
    return saved.split(/^\*/m).flatMap((text) => {
        const name = text.split("\n")[0] ?? ""
        return /^-A /m.test(text) || /^:\w+ DROP/m.test(text) ? [name] : []
    })
}

/** What is refused there is not let in by what comes behind it. */
const OURS = /^POSTERN-/

/** What a rule lets in, or a jump on to others; an empty list where it is about something else than ports and places. */
function admitted(words: readonly string[]): Admission[] {
    const to = networkOf(after(words, "-d"))
    const services = portsOf(words)
    if (services.length > 0) return services.map((service) => ({ service, to }))
    // All of a place: of its connections that are there already, or of some of its protocols, is another matter.
    const whole = after(words, "-j") === "ACCEPT" && !NARROW.some((option) => option !== "-d" && words.includes(option))
    return to !== null && whole && isOfPorts(words) ? [{ service: null, to }] : []
}

/** Options by which a rule is for some packets alone, and not for those of a knocker's new connection. */
const NARROW = ["-s", "--ctstate", "--state", "--icmp-type", "--icmpv6-type", "--sport", "-d"] as const

const isOfPorts = (words: readonly string[]) => /^(tcp|udp|all)$/.test(after(words, "-p") ?? "all")

/** It accepts, and which ports cannot be told. */
function isUnclear({ chain, words }: { readonly chain: string; readonly words: readonly string[] }): boolean {
    if (after(words, "-j") !== "ACCEPT" || portsOf(words).length > 0 || marksOf(words).length > 0) return false
    if (words.includes("--match-set")) return true
    if (NARROW.some((option) => after(words, option) !== undefined)) return false
    const from = after(words, "-i") ?? ""
    if (from === "lo" || INTERNAL.test(from) || !isOfPorts(words)) return false
    // ufw's own chains that only accept are jumped to by rules that say what.
    return !(chain.startsWith("ufw") && words.length === 2)
}

function portsOf(words: readonly string[]): Service[] {
    const protocol = after(words, "-p")
    if (protocol !== "tcp" && protocol !== "udp") return []
    const ports = after(words, "--dport") ?? after(words, "--dports") ?? ""
    return ports.split(",").flatMap((part) => {
        const range = /^(\d+)(?::(\d+))?$/.exec(part)
        return range === null ? [] : between(protocol, Number(range[1]), Number(range[2] ?? range[1]))
    })
}

function marksOf(words: readonly string[]): number[] {
    const mark = Number(after(words, "--mark")?.split("/")[0])
    return Number.isInteger(mark) && words.includes("mark") ? [mark] : []
}

/** Null: none is said, or it is said which it is not. */
function networkOf(text: string | undefined): Network | null {
    return text === undefined ? null : parseNetwork(text)
}

/** The services of a range; `from` and `to` are included. */
export function between(protocol: Service["protocol"], from: number, to: number): Service[] {
    if (!(from >= 0 && to <= 65_535 && from <= to)) return []
    return Array.from({ length: to - from + 1 }, (_, index) => ({ protocol, port: from + index }))
}

/** The word after an option, unless the option is negated. */
function after(words: readonly string[], option: string): string | undefined {
    const at = words.indexOf(option)
    return at < 0 || words[at - 1] === "!" ? undefined : words[at + 1]
}
