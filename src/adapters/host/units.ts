/** Units of systemd that matter: ours, and those that load firewalls. */
import { existsSync } from "node:fs"
import type { UnitFact } from "../../core/doctor/facts.ts"
import { run, type Said } from "./run.ts"

/** What is asked for; what is not installed is not there. */
const UNITS: readonly string[] = [
    "postern",
    "postern-hide",
    "postern-hide-iptables",
    "postern-grace",
    "ufw",
    "firewalld",
    "nftables",
    "netfilter-persistent",
    "iptables",
].map((name) => `${name}.service`)

/** Does systemd run here (sd_booted(3))? */
export function hasSystemd(): boolean {
    return existsSync("/run/systemd/system")
}

/** They, and `more`, as systemd has them; or why it does not say. */
export function seeUnits(
    more: readonly string[],
    ask: (...args: readonly string[]) => Said = (...args) => run("systemctl", ...args),
): { readonly ok: true; readonly units: UnitFact[] } | { readonly ok: false; readonly why: string } {
    const said = ask("show", "--property=Id,LoadState,ActiveState,UnitFileState", ...UNITS, ...more)
    return said.ok ? { ok: true, units: parseUnits(said.output) } : said
}

/** What `systemctl show` prints: a paragraph of `NAME=VALUE` for each unit. */
export function parseUnits(text: string): UnitFact[] {
    return text.split(/\n\n+/).flatMap((paragraph) => {
        const of = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(paragraph)?.[1] ?? ""
        if (of("LoadState") !== "loaded") return []
        const enabled = /^(enabled|enabled-runtime|static|alias|generated|indirect)$/.test(of("UnitFileState"))
        return [{ name: of("Id"), active: of("ActiveState") === "active", enabled }]
    })
}
