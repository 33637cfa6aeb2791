/** Do filters of others let in those who knocked, and on to where doors lead them? */
import type { Config } from "../config/config.ts"
import { codeOf, hasService, type Service } from "../knock/hit.ts"
import { formatService } from "../knock/language.ts"
import { type Address, contains, formatAddress, isIPv4, sameAddress } from "../net/address.ts"
import type { Admission, Facts, FilterFact } from "./facts.ts"
import type { Finding } from "./finding.ts"

/** What a filter must let pass so that a door opens. */
type Need = {
    /** For people. */
    readonly name: string
    readonly hook: FilterFact["hook"]
    /** Null: a port of a container, which nobody here knows. */
    readonly service: Service | null
    /** Null: any address of this host, or a container's. */
    readonly to: Address | null
    /** Its destination has been rewritten when it comes there. */
    readonly rewritten: boolean
}

/** A filter that ends with a drop must let in what doors open: by its port, its place, or whatever bears our mark. */
export function examineFilters({ config, firewall, links }: Facts): Finding[] {
    if (config === null || firewall === null) return []
    const { mark } = config.gateway
    const own = (links?.addresses ?? []).map(({ address }) => address)
    const needs = needsOf(config, firewall.published, links === null ? null : own)
    return firewall.filters.flatMap((filter): Finding[] => {
        const { name, closed, unclear, marks } = filter
        if (!closed || unclear || (mark !== 0 && marks.includes(mark))) return []
        const kept = needs.filter((need) => passes(need, filter) && !admits(filter, need, own))
        const found = (some: readonly Need[], open: string): Finding => {
            return { code: "filtered", service: some.map((one) => one.name).join(", "), filter: name, open }
        }
        if (mark === 0) return kept.map((need) => found([need], opening(filter, wordsOf(need, filter))))
        if (kept.length === 0) return []
        const bit = `0x${mark.toString(16)}`
        const words = filter.by === "nft" ? `meta mark and ${bit} != 0` : `-m mark --mark ${bit}/${bit}`
        return [found(kept, opening(filter, words))]
    })
}

/** `own`: addresses of this host; null: not known, and so not where places are. */
function needsOf({ doors }: Config, published: readonly Service[], own: readonly Address[] | null): readonly Need[] {
    const place = (to: Address, service: Service, rewritten: boolean): Need[] => {
        if (own === null) return []
        const hook = own.some((one) => sameAddress(one, to)) ? "input" : "forward"
        return [{ name: `${formatService(service)} at ${formatAddress(to)}`, hook, service, to, rewritten }]
    }
    const needs = doors.flatMap(({ opens, at, leadTo }): Need[] => {
        if (leadTo.length > 0)
            return opens.flatMap((service) =>
                leadTo.flatMap(({ address, port }) => place(address, { ...service, port: port ?? service.port }, true)),
            )
        if (at.length > 0) return at.flatMap((to) => opens.flatMap((service) => place(to, service, false)))
        return opens.map((service): Need => {
            const name = formatService(service)
            if (!hasService(published, service)) return { name, hook: "input", service, to: null, rewritten: false }
            return { name: `what is published as ${name}`, hook: "forward", service: null, to: null, rewritten: true }
        })
    })
    return [...new Map(needs.map((need) => [`${need.hook} ${need.name}`, need])).values()]
}

/** Does it come by there? */
function passes({ hook, to }: Need, filter: FilterFact): boolean {
    return hook === filter.hook && (to === null || filter.families.includes(isIPv4(to) ? "IPv4" : "IPv6"))
}

function admits({ admits: rules, rewritten }: FilterFact, need: Need, own: readonly Address[]): boolean {
    if (rewritten && need.rewritten) return true
    // Whoever publishes lets his containers be reached by rules of his own.
    if (need.service === null) return rules.length > 0
    const code = codeOf(need.service)
    const places = need.to === null ? own : [need.to]
    return rules.some(({ service, to }: Admission) => {
        if (service !== null && codeOf(service) !== code) return false
        return to === null || places.some((place) => contains(to, place))
    })
}

/** The match of a rule that lets it in. */
function wordsOf({ service, to }: Need, { by }: FilterFact): string {
    const nft = by === "nft"
    if (service === null) return nft ? "ct status dnat" : "-m conntrack --ctstate DNAT"
    const { protocol, port } = service
    const ports = nft ? `${protocol} dport ${port}` : `-p ${protocol} --dport ${port}`
    if (to === null) return ports
    const place = formatAddress(to)
    return nft ? `${isIPv4(to) ? "ip" : "ip6"} daddr ${place} ${ports}` : `-d ${place} ${ports}`
}

function opening({ name, by, hook }: FilterFact, words: string): string {
    return by === "nft"
        ? `nft insert rule ${name} ${words} accept`
        : `${by} -I ${hook.toUpperCase()} ${words} -j ACCEPT`
}
