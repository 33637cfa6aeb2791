/**
 * The firewall state we want, as data: `wantedRuleset` derives it from the configuration, the adapters render and
 * apply it. Grants are not in it: they are elements that come and go with their own timeouts and survive every apply.
 */
import type { Config } from "./config/config.ts"
import { type Service, uniqueServices } from "./knock/hit.ts"
import { formatService } from "./knock/language.ts"
import { formatSource, type Network } from "./net/address.ts"
import type { Watching } from "./watch.ts"

/** Everything but the grants. */
export type Ruleset = {
    /** Services refused to everyone without a grant. */
    readonly hidden: readonly Service[]
    /** Who reaches which service without a knock. */
    readonly always: readonly { readonly network: Network; readonly service: Service }[]
    /** The nflog chain, or null where another capture is used. */
    readonly watch: Watching | null
    /**
     * Elements each grant set can hold: so many that it is the engine that refuses, in time and at no cost. Twice what
     * is granted, because what has ended counts until the kernel sweeps it out.
     */
    readonly grants: number
}

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
export function wantedRuleset(config: Config, watch: Watching | null, held = 0): Ruleset {
    const hiding = config.doors.filter((door) => door.hide)
    const hidden = uniqueServices(hiding.flatMap((door) => door.opens))
    const always = hiding.flatMap((door) =>
        door.opens.flatMap((service) => door.always.map((network) => ({ network, service }))),
    )
    const services = Math.max(1, ...config.doors.map((door) => door.opens.length))
    const room = config.gateway.grants * services * 2
    // In steps: a set of another size is made anew.
    return { hidden, always, watch, grants: held <= room ? room : 2 ** (Math.ceil(Math.log2(held)) + 1) }
}
