/** Rulesets in words, each with a name: for golden texts, for real kernels, and as a base for others. */
import { codeOf, type HitCode, type Service } from "../../src/core/knock/hit.ts"
import { NEW_CONNECTION, parseHit, parseService, type Read } from "../../src/core/knock/language.ts"
import { type Address, type Network, parseAddress, parseNetwork } from "../../src/core/net/address.ts"
import { ACK, FIN } from "../../src/core/net/packet.ts"
import { poolOf } from "../../src/core/one-time/pool.ts"
import type { GrantElement, Ruleset } from "../../src/core/ruleset.ts"
import type { View, Watching } from "../../src/core/watch.ts"

export function address(text: string): Address {
    const parsed = parseAddress(text)
    if (parsed === null) throw new Error(`not an address: ${text}`)
    return parsed
}

export function network(text: string): Network {
    const parsed = parseNetwork(text)
    if (parsed === null) throw new Error(`not a network: ${text}`)
    return parsed
}

/** `tcp/22`. */
function service(text: string): Service {
    return must(parseService(text))
}

/** `192.0.2.7` or `192.0.2.0/24`, `tcp/22`. */
export function element(source: string, what: string, once = false): GrantElement {
    return { source: network(source), service: service(what), once }
}

/** `192.0.2.0/24 tcp/22`. */
export function always(text: string): Ruleset["always"][number] {
    const [from, what] = text.split(" ")
    return { network: network(from!), service: service(what!) }
}

function lead(text: string): Ruleset["leads"][number] {
    const [what, to, port] = text.split(" ")
    return { service: service(what!), to: address(to!), port: Number(port) }
}

function behind(text: string): Ruleset["inner"][number] {
    const [where, what] = text.split(" ")
    return { address: address(where!), service: service(what!), ms: null }
}

/** A view by the first hits and the other hits of its sequences. */
export function view(firsts: readonly string[], others: readonly string[], more: Partial<View> = {}): View {
    const named = [...new Set(codes([...firsts, ...others]))]
    const plain = {
        strict: true,
        flags: NEW_CONNECTION,
        target: [],
        drawn: [],
        within: 15_000,
        doors: [0],
        oneTime: [],
    }
    return { ...plain, firsts: codes(firsts), named, ...more }
}

/** What the kernel passes up. */
export function watch(views: readonly View[], more: WatchWords = {}): Watching {
    const { services = [], offered = [], uniform = false, attempts = 65_536, logGroup = 5, interfaces = null } = more
    const plan = { views, services: services.map(service), uniform, logGroup, attempts }
    return { plan, interfaces, offered: offered.map(service) }
}

export type WatchWords = {
    readonly services?: readonly string[]
    readonly offered?: readonly string[]
    readonly uniform?: boolean
    readonly attempts?: number
    readonly logGroup?: number
    readonly interfaces?: readonly string[] | null
}

/** A ruleset that hides and watches nothing, but for what is said. */
export function ruleset(words: RulesetWords = {}): Ruleset {
    const {
        hidden = [],
        trials = [],
        spared = [],
        needless = [],
        kernel = null,
        grants = 4096,
        once = null,
        networks = {},
        grace = null,
    } = words
    const { published = null, mark = 0 } = words
    const leads = (words.leads ?? []).map(lead)
    const led = leads.map(({ service: { protocol }, to, port }) => ({
        address: to,
        service: { protocol, port },
        ms: null,
    }))
    return {
        hidden: hidden.map(service),
        trials: trials.map(([text, ms]) => ({ service: service(text), ms })),
        spared: spared.map(([text, ms]) => ({ service: service(text), ms })),
        inner: [...(words.behind ?? []).map(behind), ...led],
        behind: (words.behind ?? []).map(behind).map(({ address, service }) => ({ address, service })),
        leads,
        published: published?.map(service) ?? null,
        mark,
        grace: grace === null ? null : { services: hidden.map(service), ms: grace },
        always: needless.map(always),
        watch: kernel,
        grants,
        networks: { v4: networks.v4 ?? [], v6: networks.v6 ?? [] },
        once,
    }
}

export type RulesetWords = {
    readonly hidden?: readonly string[]
    /** Hidden for so long (ms). */
    readonly trials?: readonly (readonly [string, number])[]
    /** Open to everyone, for so long or for good. */
    readonly spared?: readonly (readonly [string, number | null])[]
    /** Who needs no knock: `192.0.2.0/24 tcp/22`. */
    readonly needless?: readonly string[]
    /** What is led where: `tcp/22 10.0.0.5 2222`. */
    readonly leads?: readonly string[]
    /** Services of hosts behind this one: `10.0.0.5 tcp/80`. */
    readonly behind?: readonly string[]
    readonly published?: readonly string[] | null
    readonly mark?: number
    readonly kernel?: Watching | null
    readonly grants?: number
    /** Prefix lengths. */
    readonly networks?: { readonly v4?: readonly number[]; readonly v6?: readonly number[] }
    /** For how long uses are remembered (ms). */
    readonly once?: number | null
    readonly grace?: number
}

/** What one-time sequences are drawn from. */
const ONE_TIME: readonly HitCode[] = poolOf({
    protocols: ["tcp", "udp", "icmp"],
    from: 20_000,
    to: 26_000,
    services: [{ protocol: "tcp", port: 20_022 }],
}).map(codeOf)

const plain = view(["7000", "7001:udp"], ["8000", "9000:udp"])

/** One per thing that can be different. */
export const SCENARIOS: Readonly<Record<string, Ruleset>> = {
    nothing: ruleset(),
    "hide-tcp": ruleset({ hidden: ["tcp/22"] }),
    "hide-udp": ruleset({ hidden: ["udp/51820"] }),
    "hide-both": ruleset({ hidden: ["tcp/22", "udp/51820", "tcp/8443"] }),
    "hide-trial": ruleset({ hidden: ["udp/53"], trials: [["tcp/22", 120_000]] }),
    "hide-spared": ruleset({ spared: [["tcp/22", null]] }),
    "hide-grace": ruleset({
        hidden: ["tcp/22", "udp/53"],
        spared: [
            ["tcp/22", 299_500],
            ["udp/53", 299_500],
        ],
    }),
    "always-one-family": ruleset({ hidden: ["tcp/22"], needless: ["192.0.2.0/24 tcp/22"] }),
    "always-overlapping": ruleset({
        hidden: ["tcp/22", "udp/53"],
        needless: [
            "10.0.0.0/8 tcp/22",
            "10.1.0.0/16 tcp/22",
            "10.1.0.0/16 udp/53",
            "10.0.0.0/8 tcp/22",
            "0.0.0.0/0 udp/53",
            "2001:db8::/32 tcp/22",
            "2001:db8::7 tcp/22",
            "::/0 udp/53",
        ],
    }),
    "hide-once": ruleset({
        hidden: ["tcp/22", "udp/51820"],
        needless: ["192.0.2.0/24 tcp/22"],
        once: 3_600_000,
    }),
    "lead-elsewhere": ruleset({
        hidden: ["tcp/22", "udp/53"],
        leads: ["tcp/22 10.77.3.200 22", "tcp/22 fd77:3::c8 2222", "udp/53 10.77.3.200 53"],
    }),
    "behind-this-host": ruleset({
        behind: ["203.0.113.80 tcp/443", "203.0.113.81 tcp/443", "2001:db8::80 tcp/443", "203.0.113.80 udp/443"],
    }),
    "hide-published": ruleset({
        hidden: ["tcp/8080", "udp/53"],
        needless: ["192.0.2.0/24 tcp/8080"],
        published: ["tcp/80", "tcp/8080"],
    }),
    "hide-unpublished": ruleset({ hidden: ["tcp/22"], leads: ["tcp/22 10.0.0.5 22"], published: [] }),
    "mark-granted": ruleset({ hidden: ["tcp/22"], behind: ["203.0.113.80 tcp/443"], mark: 0x1000_0000 }),
    "hide-networks": ruleset({ hidden: ["tcp/22"], networks: { v4: [24], v6: [56, 64] } }),
    "hide-networks-once": ruleset({ hidden: ["tcp/22"], networks: { v6: [64] }, once: 200_000 }),
    "watch-tcp-udp": ruleset({
        hidden: ["tcp/22"],
        kernel: watch([plain], { services: ["tcp/22"], offered: ["tcp/443", "tcp/80", "udp/443"] }),
    }),
    "watch-named-port-is-offered": ruleset({ kernel: watch([plain], { offered: ["tcp/8000", "tcp/80", "udp/9000"] }) }),
    // A pool is intervals, without what something listens on; a fixed sequence names what it names.
    "watch-one-time": ruleset({
        kernel: watch([{ ...plain, drawn: ONE_TIME, oneTime: [0] }], {
            services: ["tcp/20022"],
            offered: ["tcp/20100", "udp/7000"],
        }),
    }),
    "watch-ping": ruleset({ kernel: watch([view(["icmp:321", "icmp:2"], ["icmp:65507", "7000"])]) }),
    "watch-ping-beyond-one-packet": ruleset({ kernel: watch([view(["icmp:65507"], [])]) }),
    "watch-interfaces": ruleset({ kernel: watch([plain], { interfaces: ["eth0", "wg0", "br-1.2@x"] }) }),
    "watch-no-interface": ruleset({ kernel: watch([plain], { interfaces: [] }) }),
    "watch-uniform": ruleset({
        kernel: watch([plain], { uniform: true, services: ["tcp/22"], offered: ["tcp/443"], interfaces: ["eth0"] }),
    }),
    "watch-target": ruleset({
        kernel: watch([
            view(["7000", "icmp:100"], ["8000"], { target: [address("192.0.2.9"), address("2001:db8::9")] }),
        ]),
    }),
    "watch-target-one-family": ruleset({
        kernel: watch([view(["7000", "icmp:100"], [], { target: [address("2001:db8::9")] })]),
    }),
    "watch-several-views": ruleset({
        hidden: ["tcp/22"],
        kernel: watch(
            [
                plain,
                view(["7000", "1234"], ["4321"], { flags: { set: FIN, clear: ACK }, within: 60_500 }),
                view(["5000"], ["6000"], { flags: { set: 0, clear: 0 }, target: [address("192.0.2.9")] }),
            ],
            { services: ["tcp/22"], offered: ["tcp/6000"] },
        ),
    }),
    "watch-no-sequence": ruleset({ hidden: ["tcp/22"], kernel: watch([]) }),
}

function must<T>(read: Read<T>): T {
    if (!read.ok) throw new Error(`not understood: ${read.code}`)
    return read.value
}

function codes(hits: readonly string[]): HitCode[] {
    return hits.map((hit) => codeOf(must(parseHit(hit))))
}
