/** Are hidden services hidden, and do those who knocked come in? */
import type { Config } from "../config/config.ts"
import { codeOf, type Service, uniqueServices } from "../knock/hit.ts"
import { formatService } from "../knock/language.ts"
import { formatAddress, isIPv4, sameAddress } from "../net/address.ts"
import { wantedRuleset } from "../ruleset.ts"
import type { Facts, FilterFact, ListenerFact } from "./facts.ts"
import type { Finding } from "./finding.ts"

/** What is wrong with the services of doors. */
export function examineServices(facts: Facts): Finding[] {
    const { config, listeners, firewall } = facts
    if (config === null) return []
    const { hidden } = wantedRuleset(config, null)
    const elsewhere = leading(config)
    return [
        ...(listeners === null ? [] : hidden.flatMap((service) => hiddenService(service, elsewhere, facts, listeners))),
        ...hidden.flatMap((service): Finding[] => {
            const kept = firewall?.ours.translates === true && has(firewall.ours.hidden, service)
            const open = firewall !== null && !kept && has(firewall.published, service)
            return open
                ? [{ code: "published", service: formatService(service), daemon: facts.daemon.runs === true }]
                : []
        }),
        ...(firewall === null ? [] : filtered(config, firewall.filters)),
    ]
}

/** Doors that lead elsewhere: few, so that nobody asks all of them about each service. */
function leading({ doors }: Config): Config["doors"] {
    return doors.filter(({ leadTo }) => leadTo.length > 0)
}

function hiddenService(
    service: Service,
    elsewhere: Config["doors"],
    facts: Facts,
    listeners: readonly ListenerFact[],
): Finding[] {
    const { firewall, daemon, units } = facts
    const name = formatService(service)
    const places = elsewhere.filter(({ opens }) => has(opens, service)).flatMap(({ leadTo }) => leadTo)
    const own = listeners.filter(
        ({ protocol, port, address }) =>
            protocol === service.protocol &&
            port === service.port &&
            !places.some((to) => sameAddress(to.address, address)),
    )
    const outside = own.filter(({ inside }) => !inside)
    if (own.length === 0) {
        if (places.length > 0) return []
        const elsewhere = firewall !== null && has(firewall.published, service)
        return elsewhere ? [] : [{ code: "nothing-listens", service: name }]
    }
    if (firewall !== null && has(firewall.ours.spared, service)) return [{ code: "spared", service: name }]
    if (outside.length > 0) {
        // Nobody knows what is hidden where the rules cannot be seen.
        if (firewall === null) return []
        const [{ hidden, there }, at] = [firewall.ours, where(outside)]
        if (has(hidden, service)) return [{ code: "refused", service: name, at }]
        return [{ code: "answers", service: name, at, table: there, daemon: daemon.runs === true }]
    }
    if (service.protocol === "udp") return [{ code: "udp-inside", service: name }]
    const led = own.filter(({ transparent }) => transparent !== false)
    const unit = units?.find((one) => one.name === `postern-lead@${name.replace("/", "-")}.service`)
    if (led.length === 0) return [{ code: "not-led", service: name, at: where(own), unit: unit !== undefined }]
    const followed = unit === undefined || (unit.active && unit.enabled) || led.every(({ bySystemd }) => bySystemd)
    return [...(followed ? [] : [{ code: "led-once", service: name } as const]), ...halfLed(name, led)]
}

function halfLed(service: string, led: readonly ListenerFact[]): Finding[] {
    const families = [
        ["IPv4", led.some(({ address }) => isIPv4(address))],
        ["IPv6", led.some(({ address }) => !isIPv4(address))],
    ] as const
    return families.flatMap(([family, there]): Finding[] => (there ? [] : [{ code: "half-led", service, family }]))
}

const where = (some: readonly ListenerFact[]) => some.map(({ address }) => formatAddress(address))

/** A filter that ends with a drop must let in what doors open: by its port, or whatever bears our mark. */
function filtered({ doors, gateway: { mark } }: Config, filters: readonly FilterFact[]): Finding[] {
    // What is on hosts behind this one does not come to these filters; what is led to has another port there.
    const here = uniqueServices(
        doors.filter(({ at, leadTo }) => at.length + leadTo.length === 0).flatMap(({ opens }) => opens),
    )
    return filters.flatMap((filter): Finding[] => {
        const { name, by, closed, admits, marks, unclear } = filter
        if (!closed || unclear || (mark !== 0 && marks.includes(mark))) return []
        const kept = here.filter((service) => !has(admits, service))
        if (mark === 0 || kept.length === 0)
            return kept.map((service) => {
                const { protocol, port } = service
                const [nft, old] = [`${protocol} dport ${port}`, `-p ${protocol} --dport ${port}`]
                return {
                    code: "filtered",
                    service: formatService(service),
                    filter: name,
                    open: opening(name, by, nft, old),
                }
            })
        const bit = `0x${mark.toString(16)}`
        const open = opening(name, by, `meta mark and ${bit} != 0`, `-m mark --mark ${bit}/${bit}`)
        return [{ code: "filtered", service: kept.map(formatService).join(", "), filter: name, open }]
    })
}

function opening(name: string, by: FilterFact["by"], nft: string, iptables: string): string {
    return by === "nft" ? `nft insert rule ${name} ${nft} accept` : `${by} -I INPUT ${iptables} -j ACCEPT`
}

function has(services: readonly Service[], { protocol, port }: Service): boolean {
    const code = codeOf({ protocol, port })
    return services.some((one) => codeOf(one) === code)
}
