/**
 * The firewall state we want, as data: `wantedRuleset` derives it from the configuration, the adapters render and
 * apply it. Grants are not in it: they are elements that come and go with their own timeouts and survive every apply.
 */
import type { Config, Door } from "./config/config.ts"
import { hiddenServices, hidesIn, unhiddenServices } from "./config/hiding.ts"
import { codeOf, type HitCode, type Service } from "./knock/hit.ts"
import { formatService } from "./knock/language.ts"
import { type Address, formatSource, type Network } from "./net/address.ts"
import type { Watching } from "./watch.ts"

/** Ours: as long as a client tries to connect (tcp(7): `tcp_syn_retries`), in milliseconds. */
const LEAST_MEMORY = 130_000

/** Everything but the grants. */
export type Ruleset = {
    /** Services of this host that are refused to everyone without a grant. */
    readonly hidden: readonly Service[]
    /** Others that are so for this long (ms) alone: the kernel itself takes it back, whoever is dead by then. */
    readonly trials: readonly Trial[]
    /** Services that are open to everyone all the same, for this long (ms) or for good (null), and led to as well. */
    readonly spared: readonly Spared[]
    /** Services at these addresses are refused as well: of hosts behind this one, and what is led to. */
    readonly inner: readonly Inner[]
    /** Services of hosts behind this one, hidden or not. */
    readonly behind: readonly Omit<Inner, "ms">[]
    /** Where connections are led to by changing their destination. */
    readonly leads: readonly Lead[]
    /** What others publish by changing destinations on this host (containers, port forwarding); null: nobody changes any. */
    readonly published: readonly Service[] | null
    /** The bit of the mark that packets of whoever may come in bear; 0: none. */
    readonly mark: number
    /** What is open for so long (ms) after the host has started, whenever that will be; null: nothing. */
    readonly grace: { readonly services: readonly Service[]; readonly ms: number } | null
    /** Who reaches which service without a knock. */
    readonly always: readonly { readonly network: Network; readonly service: Service }[]
    /** The nflog chain, or null where another capture is used. */
    readonly watch: Watching | null
    /**
     * Elements each grant set can hold: so many that it is the engine that refuses, in time and at no cost. Twice what
     * is granted, because what has ended counts until the kernel sweeps it out.
     */
    readonly grants: number
    /** Prefix lengths of the networks that grants can be for, beside single addresses (IPv4 1–31, IPv6 1–127). */
    readonly networks: { readonly v4: readonly number[]; readonly v6: readonly number[] }
    /** For how long a use of a grant for one connection is remembered (ms); null: no door gives such grants. */
    readonly once: number | null
}

/** A service that is hidden on trial, for so long from now on (ms). */
export type Trial = { readonly service: Service; readonly ms: number }

/** A service that everyone reaches, for so long from now on (ms); null: for good. */
export type Spared = { readonly service: Service; readonly ms: number | null }

/** Connections to this service of this host go to that port of that address. */
export type Lead = { readonly service: Service; readonly to: Address; readonly port: number }

/** A service at an address, hidden for so long from now on (ms); null: for good. */
export type Inner = { readonly address: Address; readonly service: Service; readonly ms: number | null }

/** What a ruleset is made for beside its configuration. */
export type Moment = {
    /** Services that somebody hides on trial. */
    readonly trials: readonly Trial[]
    /** Services that somebody has opened by hand, until the configuration is read again. */
    readonly opened: readonly Service[]
    /** So long ago the host has started (ms). */
    readonly uptime: number
    /** See `Ruleset`. */
    readonly published: readonly Service[] | null
}

/** No trial, nobody else who changes destinations, and no time window after the start of the host. */
const LATER: Moment = { trials: [], opened: [], uptime: Number.POSITIVE_INFINITY, published: null }

/**
 * One allowance in the kernel: whoever is in `source` (mostly one address) may begin connections to this service.
 * `once`: a single one, which uses it up.
 */
export type GrantElement = { readonly source: Network; readonly service: Service; readonly once: boolean }

/** What tells elements apart: a source has one of each kind for a service, at most. */
export function elementKey({ source, service, once }: GrantElement): string {
    return `${formatSource(source)} ${formatService(service)}${once ? " once" : ""}`
}

/**
 * The ruleset for a configuration. `watch`: what the kernel passes up (nflog), or null. `held`: elements that are open
 * now. There can be more of them than this configuration allows, and they have room until they end.
 */
export function wantedRuleset(
    config: Config,
    watch: Watching | null,
    held = 0,
    { trials, opened, uptime, published }: Moment = LATER,
): Ruleset {
    const byHand = new Set(opened.map(codeOf))
    const hidden = hiddenServices(config).filter((service) => !byHand.has(codeOf(service)))
    const known = new Set(hidden.map(codeOf))
    // Hidden on trial is what somebody can come in to, and what is not hidden already.
    const opens = new Set(config.doors.flatMap((door) => door.opens.map(codeOf)))
    const tried = trials
        .filter(({ service }) => opens.has(codeOf(service)) && !known.has(codeOf(service)))
        .map(({ service, ms }) => ({ service, ms }))
    const all = new Set([...hidden, ...tried.map(({ service }) => service)].map(codeOf))
    const hides = hidesIn(config)
    const away = new Set(config.doors.flatMap(({ at, opens }) => (at.length > 0 ? opens.map(codeOf) : [])))
    const always = config.doors.flatMap((door) =>
        door.opens
            .filter((service) => all.has(codeOf(service)) && (hides(door, service) || !known.has(codeOf(service))))
            .flatMap((service) => door.always.map((network) => ({ network, service }))),
    )
    const graceLeft = (config.gateway.grace ?? 0) - uptime
    const onTrial = new Set(tried.map(({ service }) => codeOf(service)))
    const spared = [
        ...[...unhiddenServices(config), ...opened]
            .filter((service) => !onTrial.has(codeOf(service)))
            .map((service) => ({ service, ms: null })),
        ...(graceLeft > 0 ? hidden.map((service) => ({ service, ms: graceLeft })) : []),
    ]
    const services = Math.max(1, ...config.doors.map((door) => door.opens.length))
    const room = config.gateway.grants * services * 2
    const times = config.doors.flatMap((door) => (door.uses === null ? [] : [door.for]))
    const here = ({ service }: { readonly service: Service }) => !away.has(codeOf(service))
    return {
        hidden: hidden.filter((service) => here({ service })),
        trials: tried.filter(here),
        spared: unique(spared),
        inner: innerOf(config, new Map([...tried.map(timeOf), ...hidden.map((one) => [codeOf(one), null] as const)])),
        behind: config.doors.flatMap(behindOf),
        leads: config.doors.flatMap(leadsOf),
        published,
        mark: config.gateway.mark,
        grace: config.gateway.grace === null ? null : { services: hidden, ms: config.gateway.grace },
        always,
        watch,
        // In steps: a set of another size is made anew.
        grants: held <= room ? room : 2 ** (Math.ceil(Math.log2(held)) + 1),
        networks: {
            v4: distinct(config.doors.map(({ network }) => network.v4).filter((prefix) => prefix < 32)),
            v6: distinct(config.doors.map(({ network }) => network.v6).filter((prefix) => prefix < 128)),
        },
        once: times.length === 0 ? null : Math.max(LEAST_MEMORY, ...times),
    }
}

function timeOf({ service, ms }: Trial): readonly [HitCode, number] {
    return [codeOf(service), ms]
}

/** `hidden`: for how long each service is. What is led to is hidden in its place as long as there is somebody to lead. */
function innerOf({ doors }: Config, hidden: ReadonlyMap<HitCode, number | null>): Inner[] {
    const behind = doors.flatMap(behindOf).flatMap(({ address, service }): Inner[] => {
        const ms = hidden.get(codeOf(service))
        return ms === undefined ? [] : [{ address, service, ms }]
    })
    const led = doors
        .flatMap(leadsOf)
        .map(({ service, to, port }) => ({ address: to, service: { ...service, port }, ms: null }))
    return [...behind, ...led]
}

function behindOf({ at, opens }: Door): Omit<Inner, "ms">[] {
    return opens.flatMap((service) => at.map((address) => ({ address, service })))
}

function leadsOf({ opens, leadTo }: Door): Lead[] {
    return opens.flatMap((service) =>
        leadTo.map(({ address, port }) => ({ service, to: address, port: port ?? service.port })),
    )
}

function distinct(numbers: readonly number[]): number[] {
    return [...new Set(numbers)].sort((a, b) => a - b)
}

function unique(spared: readonly Spared[]): Spared[] {
    return [...new Map(spared.toReversed().map((one) => [codeOf(one.service), one])).values()].toReversed()
}
