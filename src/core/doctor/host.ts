/** The host beside its network: its kernel, clock, other firewalls, sshd and files. */
import { codeOf } from "../knock/hit.ts"
import { formatDuration } from "../knock/language.ts"
import { wantedRuleset } from "../ruleset.ts"
import type { Facts, KernelFeature, SshdFact } from "./facts.ts"
import type { Finding, SshdSetting } from "./finding.ts"

/** Clocks that are kept differ by less (ms). */
const CLOCK_SLACK = 60_000

/** Programs that keep a firewall, as units that load one at boot. */
const MANAGERS: readonly string[] = ["ufw", "firewalld", "nftables", "netfilter-persistent", "iptables"]

/** What is wrong with it. */
export function examineHost(facts: Facts): Finding[] {
    return [
        ...(facts.lacks ?? [])
            .filter((feature) => isNeeded(feature, facts))
            .map((feature): Finding => ({ code: "kernel-lacks", feature })),
        ...firewalls(facts),
        ...clock(facts),
        ...(facts.sshds ?? []).flatMap(sshd),
        ...facts.secrets.flatMap(({ path, mode, excess }): Finding[] =>
            (mode & excess) === 0 ? [] : [{ code: "secret-open", path, mode, excess }],
        ),
    ]
}

/** What only some doors need. By iptables there is nothing of nftables to need. */
function isNeeded(feature: KernelFeature, { config, listeners }: Facts): boolean {
    if (config === null) return true
    const { doors, gateway } = config
    if (feature === "borrow") {
        const hidden = new Set(wantedRuleset(config, null).hidden.map(codeOf))
        return (listeners ?? []).some(
            (one) => one.inside && one.protocol === "tcp" && one.transparent === false && hidden.has(codeOf(one)),
        )
    }
    if (gateway.firewall === "iptables") return false
    if (feature === "uses") return doors.some(({ uses }) => uses !== null)
    if (feature === "ranges") return doors.some(({ always }) => always.length > 0)
    if (feature === "nat") return doors.some(({ leadTo }) => leadTo.length > 0)
    return true
}

function firewalls({ firewall, units, flushing, daemon }: Facts): Finding[] {
    const loading = MANAGERS.filter((name) => units?.some((unit) => unit.name === `${name}.service` && unit.enabled))
    const there = [...new Set([...loading, ...(firewall?.owners ?? [])])].sort()
    return [
        ...there.map((name): Finding => ({ code: "manager", name })),
        ...(loading.length > 1 ? [{ code: "managers", names: loading } as const] : []),
        ...flushing.map((file): Finding => ({ code: "flushes", file, daemon: daemon.runs !== false })),
        ...(firewall !== null && firewall.legacy.length > 0
            ? [{ code: "legacy", tables: firewall.legacy } as const]
            : []),
    ]
}

function clock({ clock: { now, synchronised, latest }, config }: Facts): Finding[] {
    const found: Finding[] = []
    const needed = config?.doors.some(({ oneTime }) => oneTime !== null) ?? false
    if (synchronised === false) found.push({ code: "clock-unsynchronised", needed })
    if (latest !== null && latest.at - now > CLOCK_SLACK) {
        const by = formatDuration(Math.floor((latest.at - now) / 1000) * 1000)
        found.push({ code: "clock-behind", file: latest.file, by })
    }
    return found
}

/** The settings that are looked at, and what they should be. */
const WANTED: readonly (readonly [SshdSetting, readonly string[]])[] = [
    ["PasswordAuthentication", ["no"]],
    ["KbdInteractiveAuthentication", ["no"]],
    ["PermitEmptyPasswords", ["no"]],
    ["PermitRootLogin", ["no", "prohibit-password", "without-password", "forced-commands-only"]],
]

/** Where nobody is asked for a password it does not matter whose would do. */
function sshd({ pid, file, settings }: SshdFact): Finding[] {
    const found = WANTED.flatMap(([setting, good]): Extract<Finding, { code: "sshd" }>[] => {
        const value = settings[setting.toLowerCase()]
        return value === undefined || good.includes(value) ? [] : [{ code: "sshd", setting, value, file, pid }]
    })
    return found.some(({ setting }) => /^(Password|Kbd)/.test(setting)) ? found : []
}
