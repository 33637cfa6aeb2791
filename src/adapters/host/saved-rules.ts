/** Who lets in what is sent to this host, out of what `iptables-save` prints (iptables-save(8)). Pure. */
import type { FilterFact } from "../../core/doctor/facts.ts"
import type { Service } from "../../core/knock/hit.ts"

/** The chain INPUT of the table `filter`, with all chains that it can come to; null: there is no such table. */
export function savedFilter(by: "iptables" | "ip6tables", name: string, saved: string): FilterFact | null {
    const table = saved.split(/^\*/m).find((text) => text.startsWith("filter\n"))
    if (table === undefined) return null
    const rules = table.split("\n").flatMap((line) => {
        const [add, chain, ...words] = line.trim().split(/\s+/)
        return add === "-A" && chain !== undefined && !ELSEWHERE.test(chain) ? [{ chain, words }] : []
    })
    const own = rules.filter(({ chain }) => chain === "INPUT")
    const last = own.at(-1)?.words
    const policy = /^:INPUT (\w+)/m.exec(table)?.[1]
    const admitting = rules.filter(({ words }) => !/^(DROP|REJECT|LOG|RETURN)$/.test(after(words, "-j") ?? ""))
    return {
        name,
        by,
        closed: policy === "DROP" || (last?.[0] === "-j" && /^(DROP|REJECT)$/.test(last[1] ?? "")),
        admits: admitting.flatMap(({ words }) => portsOf(words)),
        marks: admitting.flatMap(({ words }) => marksOf(words)),
        rewritten: admitting.some(({ words }) => /\bDNAT\b/.test(after(words, "--ctstate") ?? "")),
        unclear: admitting.some(isUnclear),
    }
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

/** Chains that no packet to this host comes to, and ours. */
const ELSEWHERE = /^(FORWARD|OUTPUT|POSTERN-.*|DOCKER.*|ufw6?-.*-(forward|output)|ufw6?-.*(logging|limit).*)$/

/** It accepts, and which ports cannot be told. */
function isUnclear({ chain, words }: { readonly chain: string; readonly words: readonly string[] }): boolean {
    if (after(words, "-j") !== "ACCEPT" || portsOf(words).length > 0 || marksOf(words).length > 0) return false
    if (words.includes("--match-set")) return true
    const narrow = ["-s", "--ctstate", "--state", "--icmp-type", "--icmpv6-type", "--sport", "-d"]
    if (narrow.some((option) => words.includes(option))) return false
    if (after(words, "-i") === "lo" || !/^(tcp|udp|all)$/.test(after(words, "-p") ?? "all")) return false
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
