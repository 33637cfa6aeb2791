/** Are hidden services hidden, and do those who knocked come in? */
import type { Config } from "../config/config.ts"
import { hasService, type Service } from "../knock/hit.ts"
import { formatService } from "../knock/language.ts"
import { formatAddress, isIPv4, sameAddress } from "../net/address.ts"
import { wantedRuleset } from "../ruleset.ts"
import type { Facts, ListenerFact } from "./facts.ts"
import type { Finding } from "./finding.ts"

/** What is wrong with the services of doors. */
export function examineServices(facts: Facts): Finding[] {
    const { config, listeners, firewall } = facts
    if (config === null) return []
    const { hidden } = wantedRuleset(config, null)
    const elsewhere = leading(config)
    return [
        ...(listeners === null ? [] : hidden.flatMap((service) => hiddenService(service, elsewhere, facts, listeners))),
        ...(listeners === null ? [] : amongOwn(hidden, facts.sysctls, listeners)),
        ...hidden.flatMap((service): Finding[] => {
            const kept = firewall?.ours.translates === true && hasService(firewall.ours.hidden, service)
            const open = firewall !== null && !kept && hasService(firewall.published, service)
            return open
                ? [{ code: "published", service: formatService(service), daemon: facts.daemon.runs === true }]
                : []
        }),
    ]
}

/** Of a range of ports the kernel gives connections only those that nothing is bound to (ip(7), ip_local_port_range). */
function amongOwn(
    hidden: readonly Service[],
    sysctls: Facts["sysctls"],
    listeners: readonly ListenerFact[],
): Finding[] {
    const [from, to] = (sysctls["net.ipv4.ip_local_port_range"] ?? "").split(/\s+/).map(Number)
    if (from === undefined || to === undefined) return []
    const bound = hidden
        .filter(({ port }) => port >= from && port <= to)
        .filter((service) => hasService(listeners, service))
    return bound.map((service): Finding => {
        const { port } = service
        const better = port - from > to - port ? ([from, port - 1] as const) : ([port + 1, to] as const)
        return { code: "own-range", service: formatService(service), range: [from, to], better }
    })
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
    const places = elsewhere.filter(({ opens }) => hasService(opens, service)).flatMap(({ leadTo }) => leadTo)
    const own = listeners.filter(
        ({ protocol, port, address }) =>
            protocol === service.protocol &&
            port === service.port &&
            !places.some((to) => sameAddress(to.address, address)),
    )
    const outside = own.filter(({ inside }) => !inside)
    if (own.length === 0) {
        if (places.length > 0) return []
        const elsewhere = firewall !== null && hasService(firewall.published, service)
        return elsewhere ? [] : [{ code: "nothing-listens", service: name }]
    }
    if (firewall !== null && hasService(firewall.ours.spared, service)) return [{ code: "spared", service: name }]
    if (outside.length > 0) {
        // Nobody knows what is hidden where the rules cannot be seen.
        if (firewall === null) return []
        const [{ hidden, there }, at] = [firewall.ours, where(outside)]
        if (hasService(hidden, service)) return [{ code: "refused", service: name, at }]
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
