/**
 * The emergency exit: a service is open to everyone by what is in the kernel alone, for a moment in which no configuration
 * can be read, so that nobody knows what the table should be. Rules are put before ours, and again behind the saved ones.
 * The next daemon that can read its configuration makes its chains anew, without them.
 */
import type { Service } from "../../core/knock/hit.ts"
import type { FirewallResult } from "../../ports/firewall.ts"
import { openNftables } from "../system/nftables.ts"
import { restore, saved, toResult } from "./iptables/programs.ts"
import { LET_BE } from "./rewritten.ts"
import { TABLE } from "./table.ts"

const OK: FirewallResult = { ok: true }

/** Opens it in whatever is there of ours, by nftables and by iptables. */
export function openAnyway(service: Service): FirewallResult {
    const byNft = openByNft(service)
    if (!byNft.ok) return byNft
    for (const ending of ["4", "6"] as const) {
        const there = saved("", ending)
        // Without these programs nothing of ours is there by them.
        const rules = there.ok ? exitByIptables(service, there.output) : ""
        const result = rules === "" ? OK : toResult(restore("", ending, rules))
        if (!result.ok) return result
    }
    return OK
}

function openByNft(service: Service): FirewallResult {
    let nft: ReturnType<typeof openNftables>
    try {
        nft = openNftables()
    } catch {
        // Not installed.
        return OK
    }
    try {
        const there = nft.run(`list table ${TABLE}\n`)
        if (!there.ok) {
            const gone = /No such file or directory/.test(there.error)
            return gone ? OK : { ok: false, code: "failed", detail: there.error.split("\n")[0]! }
        }
        const rules = exitByNft(service, there.output)
        const said = rules === "" ? { ok: true as const } : nft.run(rules)
        return said.ok ? OK : { ok: false, code: "failed", detail: said.error.split("\n")[0]! }
    } finally {
        nft.close()
    }
}

/**
 * The rules that open it, as `nft -f` reads them. `there`: what nft lists of our table, or the saved file; none where
 * nothing in it hides.
 */
export function exitByNft({ protocol, port }: Service, there: string): string {
    const chains = new Set([...there.matchAll(/^(?:\tchain|add chain inet postern) (\w+)/gm)].map(([, name]) => name!))
    for (const [, name] of there.matchAll(/^delete chain inet postern (\w+)$/gm)) chains.delete(name!)
    const asked = `meta l4proto ${protocol} th dport ${port}`
    const rule = (chain: string, text: string) => (chains.has(chain) ? [`insert rule ${TABLE} ${chain} ${text}`] : [])
    const kept = chains.has("rewritten")
    return [
        ...rule("hide", `${asked} accept`),
        // What was rewritten is known by its first port.
        ...rule("pass", `${kept ? "ct status & dnat == 0 " : ""}${asked} accept`),
        ...rule("rewritten", `meta l4proto ${protocol} ct original proto-dst ${port} return`),
        ...rule("again", `${asked} accept`),
        ...(protocol === "tcp" ? rule("lead", `${asked} goto listener`) : []),
        ...rule("granted", `${asked} goto marked`),
        ...rule(
            "translate",
            `iif != lo ${asked} ${chains.has("led") ? "goto led" : `${kept ? `${LET_BE} ` : ""}accept`}`,
        ),
    ]
        .map((line) => `${line}\n`)
        .join("")
}

/** The same as `iptables-restore --noflush` reads it. `there`: what `iptables-save` prints, or the saved file. */
export function exitByIptables({ protocol, port }: Service, there: string): string {
    const chains = new Set([...there.matchAll(/^:(POSTERN-\w+) /gm)].map(([, name]) => name!))
    const asked = `-p ${protocol} -m ${protocol} --dport ${port}`
    const rule = (chain: string, text: string) => (chains.has(chain) ? [`-I ${chain} 1 ${text}`] : [])
    const tables = {
        filter: [...rule("POSTERN-HIDE", `${asked} -j RETURN`), ...rule("POSTERN-PASS", `${asked} -j RETURN`)],
        // The last one is asked first: marked before it is led.
        mangle: [
            ...rule("POSTERN-AGAIN", `${asked} -j RETURN`),
            ...(protocol === "tcp" ? rule("POSTERN-LEAD", `${asked} -j POSTERN-LISTENER`) : []),
            ...(chains.has("POSTERN-MARK") ? rule("POSTERN-LEAD", `${asked} -j POSTERN-MARK`) : []),
        ],
        nat: rule(
            "POSTERN-TURN",
            `! -i lo ${asked} ${chains.has("POSTERN-ELSEWHERE") ? "-g POSTERN-ELSEWHERE" : "-j RETURN"}`,
        ),
    }
    return Object.entries(tables)
        .filter(([, rules]) => rules.length > 0)
        .map(([table, rules]) => [`*${table}`, ...rules, "COMMIT", ""].join("\n"))
        .join("")
}
