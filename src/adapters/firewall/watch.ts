/**
 * The chains that pass hits up over a kernel log group, before everything else on the host (raw - 10), and their
 * sets. Per view of the plan, which is a way of looking at the traffic:
 *
 * - *watch*: hits that can begin a sequence are logged and their source is remembered for the longest window; every
 *   other new packet costs a few failed look-ups and wakes nobody.
 * - *remember*: log comes before update, because an update that fails on a full set ends the rule, and the hit must
 *   have been passed up by then. The update comes before the verdict, so a rule that gets past it did not fit:
 *   `forgot` then holds the family for a window, and while it does, every new packet of that family is treated as
 *   one of a remembered source. So a flood of sources cannot switch strictness off; it costs us work instead. Each
 *   time that begins, one packet is logged with WATCH_FULL as its prefix.
 * - *wrong*: new packets of remembered sources, which may spoil a knock, but for the doors' own services and what is
 *   openly offered; ports that a sequence names always count.
 *
 * IPv6 sources are remembered by their /64, which one host can fill with addresses. With `uniform` every new packet
 * is logged, so that no port costs more than its neighbours, and nothing needs remembering.
 *
 * The rules say no queue threshold: the reader of the group sets it while it runs, 1 when it is quiet and more under
 * load, and a rule's own would be a cap on that.
 */
import { codeOf, type Hit, type HitCode, hitOf, type Service } from "../../core/knock/hit.ts"
import { type Address, formatAddress, isIPv4 } from "../../core/net/address.ts"
import { type View, WATCH_FULL, type Watching } from "../../core/watch.ts"
import { formatTime } from "./elements.ts"
import type { ChainSpec, SetSpec } from "./table.ts"

/** Ours: enough for IPv6 with some extension headers, and the transport header. */
const SNAPLEN = 128
/** Ours: sources are remembered a little longer than their window, whatever the two clocks think of each other. */
const MARGIN = 1000
/** IPv4: header and echo header before the payload. IPv6 counts without its fixed header. */
const [ECHO4, ECHO6] = [28, 8]

/** The sets of watching. */
export function watchSets({ plan, interfaces }: Watching): SetSpec[] {
    return [
        { name: "interfaces", spec: "type ifname", elements: (interfaces ?? []).filter(writable).map((n) => `"${n}"`) },
        live("watched4", "ipv4_addr", plan.attempts),
        live("watched6", "ipv6_addr", plan.attempts),
        // Two elements at most; expired ones count until the kernel sweeps them.
        live("forgot", "nf_proto", 16),
    ]
}

function live(name: string, type: string, size: number): SetSpec {
    return { name, spec: `type ${type}; size ${size}; flags dynamic,timeout`, elements: null }
}

/**
 * Elements of `forgot` for sets that are made anew: as the sources in the old ones are forgotten, every new packet is
 * treated as one of a remembered source, for as long as one of them would have been.
 */
export function forgetAll(watch: Watching): string {
    return `forgot { ipv4 ${rememberedFor(watch)}, ipv6 ${rememberedFor(watch)} }`
}

function rememberedFor({ plan }: Watching): string {
    return `timeout ${formatTime(Math.max(...plan.views.map((view) => view.within)) + MARGIN)}`
}

/** The chains of watching. */
export function watchChains(watch: Watching): ChainSpec[] {
    const { plan, interfaces } = watch
    const timeout = rememberedFor(watch)
    const found = [
        ...unique(plan.views.flatMap((view) => firstRules(watch, view, `${log(plan.logGroup)} goto remember`))),
        "ip saddr @watched4 goto wrong",
        `ip6 saddr & ${PREFIX64} @watched6 goto wrong`,
        "meta nfproto @forgot goto wrong",
    ]
    return [
        {
            name: "watch",
            hook: "type filter hook prerouting priority raw - 10; policy accept;",
            rules: [
                ...(interfaces === null ? [] : ["iifname != @interfaces return"]),
                ...(plan.uniform ? ["goto wrong"] : found),
            ],
        },
        {
            name: "remember",
            hook: null,
            rules: [
                `update @watched4 { ip saddr ${timeout} } accept`,
                `update @watched6 { ip6 saddr & ${PREFIX64} ${timeout} } accept`,
                `meta nfproto != @forgot ${log(plan.logGroup, WATCH_FULL)}`,
                `update @forgot { meta nfproto ${timeout} }`,
            ],
        },
        {
            name: "wrong",
            hook: null,
            rules: unique(plan.views.flatMap((view) => newRules(watch, view, `${log(plan.logGroup)} accept`))),
        },
    ]
}

/** Can nftables write this interface name? The kernel allows a few characters that its quoting has no escape for. */
function writable(name: string): boolean {
    return /^[^\s"*\\/{}$;]{1,15}$/.test(name)
}

const PREFIX64 = "ffff:ffff:ffff:ffff::"

function log(group: number, prefix?: string): string {
    const name = prefix === undefined ? "" : ` prefix "${prefix}"`
    return `log group ${group}${name} snaplen ${SNAPLEN}`
}

/** Hits that can begin a sequence: those of one-time sequences are all hits that these are drawn from. */
function firstRules({ plan, offered }: Watching, view: View, act: string): string[] {
    const served = new Set([...plan.services, ...offered].map(codeOf))
    const drawn = view.drawn.filter((code) => !served.has(code))
    return namedRules(view, [...view.firsts, ...drawn], act)
}

/** These hits. */
function namedRules(view: View, codes: readonly HitCode[], act: string): string[] {
    const hits = codes.map(hitOf)
    const ports = (protocol: Hit["protocol"], add = 0) =>
        hits.filter((hit) => hit.protocol === protocol).map((hit) => hit.port + add)
    const [tcp, udp, echo4, echo6] = [ports("tcp"), ports("udp"), ports("icmp", ECHO4), ports("icmp", ECHO6)]
    const rules: string[] = []
    if (tcp.length > 0) rules.push(...toUs(view, "46", `tcp dport ${braces(tcp)}${flags(view)}`, act))
    if (udp.length > 0) rules.push(...toUs(view, "46", `udp dport ${braces(udp)}`, act))
    if (echo4.length === 0) return rules
    const [ping4, ping6] = ["icmp type echo-request", "icmpv6 type echo-request"]
    return [
        ...rules,
        // The size follows from the length, unless options, extension headers or fragments are in the way: then the
        // reader must find out by itself. Lengths of 16 bits: longer ones come in fragments.
        ...(small(echo4).length > 0 ? toUs(view, "4", `${ping4} ip length ${braces(small(echo4))}`, act) : []),
        ...toUs(view, "4", `${ping4} ip hdrlength != 5`, act),
        ...toUs(view, "4", `${ping4} ip frag-off & 0x2000 != 0`, act),
        ...(small(echo6).length > 0 ? toUs(view, "6", `${ping6} ip6 length ${braces(small(echo6))}`, act) : []),
        ...toUs(view, "6", `${ping6} ip6 nexthdr != icmpv6`, act),
    ]
}

/** New packets of any kind. */
function newRules({ plan, offered }: Watching, view: View, act: string): string[] {
    if (!view.strict) return namedRules(view, view.named, act)
    const named = new Set(view.named)
    const ignored = (protocol: Service["protocol"]) => {
        const services = plan.uniform ? [] : [...plan.services, ...offered]
        const ports = services.filter((s) => s.protocol === protocol && !named.has(codeOf(s))).map((s) => s.port)
        return ports.length === 0 ? "" : ` ${protocol} dport != ${braces(ports)}`
    }
    return [
        ...toUs(view, "46", `meta l4proto tcp${flags(view)}${ignored("tcp")}`, act),
        ...toUs(view, "46", `meta l4proto udp${ignored("udp")}`, act),
        ...toUs(view, "4", "icmp type echo-request", act),
        ...toUs(view, "6", "icmpv6 type echo-request", act),
    ]
}

/** One rule per way of being sent to us: an address of this host, or the view's targets by family. */
function toUs({ target }: View, families: "4" | "6" | "46", match: string, act: string): string[] {
    if (target.length === 0) return [`${match} fib daddr type local ${act}`]
    const of = (family: "4" | "6") => target.filter((address: Address) => isIPv4(address) === (family === "4"))
    const rule = (family: "4" | "6", field: string) => {
        const addresses = families.includes(family) ? of(family) : []
        return addresses.length === 0 ? [] : [`${match} ${field} { ${addresses.map(formatAddress).join(", ")} } ${act}`]
    }
    return [...rule("4", "ip daddr"), ...rule("6", "ip6 daddr")]
}

function flags({ flags: { set, clear } }: View): string {
    return (set | clear) === 0 ? "" : ` tcp flags & ${hex(set | clear)} == ${hex(set)}`
}

function hex(value: number): string {
    return `0x${value.toString(16).padStart(2, "0")}`
}

function small(lengths: readonly number[]): number[] {
    return lengths.filter((length) => length <= 0xffff)
}

/** A set, where neighbours are one interval: the hits of one-time sequences are tens of thousands. */
function braces(numbers: readonly number[]): string {
    const parts: string[] = []
    const sorted = [...new Set(numbers)].sort((a, b) => a - b)
    for (let i = 0; i < sorted.length; ) {
        let end = i
        while (sorted[end + 1] === sorted[end]! + 1) end++
        // Two neighbours are no shorter as an interval.
        if (end - i >= 2) parts.push(`${sorted[i]}-${sorted[end]}`)
        else parts.push(...sorted.slice(i, end + 1).map(String))
        i = end + 1
    }
    return `{ ${parts.join(", ")} }`
}

function unique(rules: readonly string[]): string[] {
    return [...new Set(rules)]
}
