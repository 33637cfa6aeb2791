/**
 * The wanted firewall state as sets of ipset(8), pure: each text is read by `ipset restore`, line by line. The kernel
 * counts their timeouts in whole seconds, so a grant ends up to a second late, and never early.
 */
import {
    formatAddress,
    formatNetwork,
    formatSource,
    isIPv4,
    isIPv4Network,
    type Network,
    parseNetwork,
} from "../../../core/net/address.ts"
import type { GrantElement, Ruleset } from "../../../core/ruleset.ts"
import type { LiveElement, SourceTime } from "../elements.ts"
import { widest } from "../hide.ts"

/** The families, as ipset and iptables call them. */
export const FAMILIES = [
    { ending: "4", inet: "inet" },
    { ending: "6", inet: "inet6" },
] as const

/** What others use of the same host must not be called. */
const OURS = "postern-"

/** The name of a set, such as `postern-open4`. */
export function setName(what: "any" | "open" | "needless" | "always" | "inner", ending: "4" | "6"): string {
    return `${OURS}${what}${ending}`
}

export const PROTOCOLS = ["tcp", "udp"] as const

/** The name of a set of ports, of both families: `postern-trial-tcp`. */
export function portsName(what: "trial" | "spared", protocol: (typeof PROTOCOLS)[number]): string {
    return `${OURS}${what}-${protocol}`
}

/** Which of these sets this ruleset needs. */
export function neededPorts({ trials, spared }: Pick<Ruleset, "trials" | "spared">): readonly ("trial" | "spared")[] {
    return [...(trials.length > 0 ? (["trial"] as const) : []), ...(spared.length > 0 ? (["spared"] as const) : [])]
}

/** A set whose elements are ours alone, and not of grants. */
type SetSpec = { readonly name: string; readonly spec: string; readonly elements: readonly string[] }

/** Every one that this ruleset needs. */
export function constantSets(wanted: Ruleset): SetSpec[] {
    return [...alwaysSets(wanted), ...portSets(wanted), ...innerSets(wanted)]
}

/** Makes them, filled anew beside the old ones, and puts them in the place of those that are `there`. */
export function renderSets(sets: readonly SetSpec[], there: ReadonlySet<string>): string {
    return lines(sets.flatMap(({ name, spec, elements }) => replaced(name, spec, elements, there)))
}

/** Makes them where they are missing, and fills them anew in their place: for whoever does not know which are there. */
export function renderKept(sets: readonly SetSpec[]): string {
    return lines(
        sets.flatMap(({ name, spec, elements }) => [
            `create ${name} ${spec}`,
            `flush ${name}`,
            ...elements.map((element) => `add ${name} ${element}`),
        ]),
    )
}

/**
 * The ports that are hidden on trial or spared. The kernel takes elements out by itself, to the second: the same ports for
 * both families, which no other kind of set could hold.
 */
function portSets(wanted: Pick<Ruleset, "trials" | "spared">): SetSpec[] {
    const timed = { trial: wanted.trials, spared: wanted.spared }
    return neededPorts(wanted).flatMap((what) =>
        PROTOCOLS.map((protocol) => ({
            name: portsName(what, protocol),
            spec: "bitmap:port range 0-65535 timeout 0",
            elements: timed[what]
                .filter(({ service }) => service.protocol === protocol)
                .map(({ service, ms }) => `${service.port} timeout ${ms === null ? 0 : secondsOf(ms)}`),
        })),
    )
}

/** What is hidden at addresses of this family. */
export function innerOf({ inner }: Pick<Ruleset, "inner">, ending: "4" | "6"): Ruleset["inner"] {
    return inner.filter(({ address }) => isIPv4(address) === (ending === "4"))
}

function innerSets(wanted: Pick<Ruleset, "inner">): SetSpec[] {
    return FAMILIES.flatMap(({ ending, inet }) => {
        const elements = innerOf(wanted, ending).map(
            ({ address, service: { protocol, port }, ms }) =>
                `${formatAddress(address)},${protocol}:${port} timeout ${ms === null ? 0 : secondsOf(ms)}`,
        )
        const spec = `hash:ip,port family ${inet} timeout 0 maxelem ${room(elements)}`
        return elements.length === 0 ? [] : [{ name: setName("inner", ending), spec, elements }]
    })
}

/** Takes those sets away that nothing asks any more. */
export function renderNoMore(wanted: Pick<Ruleset, "trials" | "spared" | "inner">, there: ReadonlySet<string>): string {
    const needed = neededPorts(wanted)
    const gone = (["trial", "spared"] as const).filter((what) => !needed.includes(what))
    const away = FAMILIES.filter(({ ending }) => innerOf(wanted, ending).length === 0)
    const names = [
        ...gone.flatMap((what) => PROTOCOLS.map((protocol) => portsName(what, protocol))),
        ...away.map(({ ending }) => setName("inner", ending)),
    ]
    return lines(names.filter((name) => there.has(name)).map((name) => `destroy ${name}`))
}

/** Every set that we ever make. */
export const SETS: readonly string[] = [
    ...FAMILIES.flatMap(({ ending }) =>
        (["any", "open", "needless", "always", "inner"] as const).map((what) => setName(what, ending)),
    ),
    ...(["trial", "spared"] as const).flatMap((what) => PROTOCOLS.map((protocol) => portsName(what, protocol))),
]

/** Makes the grant sets where they are missing; those that are there stay, with what is in them. */
export function renderGrantSets(size: number): string {
    return lines(
        FAMILIES.flatMap(({ ending, inet }) => [
            `create ${setName("any", ending)} ${grantSpec("any", inet, size)} -exist`,
            `create ${setName("open", ending)} ${grantSpec("open", inet, size)} -exist`,
        ]),
    )
}

/** Makes the grant sets of another size, with these grants in them, and puts them in the place of those that are `there`. */
export function renderResize(size: number, live: readonly LiveElement[], there: ReadonlySet<string>): string {
    const longest = new Map<string, { readonly source: GrantElement["source"]; readonly ms: number }>()
    for (const { element, left } of live) {
        const key = formatSource(element.source)
        longest.set(key, { source: element.source, ms: Math.max(longest.get(key)?.ms ?? 0, left) })
    }
    return lines(
        FAMILIES.flatMap(({ ending, inet }) => {
            const mine = ({ source }: { readonly source: GrantElement["source"] }) => endingOf(source) === ending
            return [
                ...replaced(
                    setName("any", ending),
                    grantSpec("any", inet, size),
                    [...longest.values()].filter(mine).map(anyElement),
                    there,
                ),
                ...replaced(
                    setName("open", ending),
                    grantSpec("open", inet, size),
                    live.filter(({ element }) => mine(element)).map(({ element, left }) => openElement(element, left)),
                    there,
                ),
            ]
        }),
    )
}

/** The networks of `always`, by themselves and by service. */
export function alwaysSets({ always }: Pick<Ruleset, "always">): SetSpec[] {
    return FAMILIES.flatMap(({ ending, inet }) => {
        const mine = always.filter(({ network }) => isIPv4Network(network) === (ending === "4"))
        const alone = widest(mine, () => true).flatMap(({ network }) => halves(network))
        const services = mine.flatMap(({ network, service }) =>
            halves(network).map((half) => `${half},${service.protocol}:${service.port}`),
        )
        return [
            {
                name: setName("needless", ending),
                spec: `hash:net family ${inet} maxelem ${room(alone)}`,
                elements: alone,
            },
            {
                name: setName("always", ending),
                spec: `hash:net,port family ${inet} maxelem ${room(services)}`,
                elements: services,
            },
        ]
    })
}

/** Lets the elements through for `ms`, and keeps their sources for as long as told. */
export function renderGrant(elements: readonly GrantElement[], ms: number, sources: readonly SourceTime[]): string {
    return lines([
        ...sources.map((source) => `add ${setName("any", endingOf(source.source))} ${anyElement(source)} -exist`),
        ...elements.map((one) => `add ${setName("open", endingOf(one.source))} ${openElement(one, ms)} -exist`),
    ])
}

/** Takes elements back; sources that have another grant stay for that one. */
export function renderRevoke(elements: readonly GrantElement[], sources: readonly SourceTime[]): string {
    return lines([
        ...elements.map((one) => `del ${setName("open", endingOf(one.source))} ${openKey(one)} -exist`),
        ...sources.map((one) => {
            const set = setName("any", endingOf(one.source))
            return one.ms > 0 ? `add ${set} ${anyElement(one)} -exist` : `del ${set} ${formatSource(one.source)} -exist`
        }),
    ])
}

/** The grants in what `ipset save` prints of `open4` or `open6`, and the size of the set; null if there is no such set. */
export function parseSaved(output: string): { readonly live: readonly LiveElement[]; readonly size: number } | null {
    const size = /^create \S+ hash:net,port .*\bmaxelem (\d+)/m.exec(output)
    if (size === null) return null
    const live: LiveElement[] = []
    for (const [, address, protocol, port, seconds] of output.matchAll(ELEMENT)) {
        const source = parseNetwork(address!)
        if (source === null) continue
        const service = { protocol: protocol === "tcp" ? "tcp" : "udp", port: Number(port) } as const
        const left = seconds === undefined || seconds === "0" ? Number.POSITIVE_INFINITY : Number(seconds) * 1000
        live.push({ element: { source, service, once: false }, left, used: false })
    }
    return { live, size: Number(size[1]) }
}

const ELEMENT = /^add \S+ ([0-9a-f.:]{2,45}(?:\/\d{1,3})?),(tcp|udp):(\d{1,5})(?: timeout (\d+))?/gm

function grantSpec(what: "any" | "open", inet: string, size: number): string {
    return `${what === "any" ? "hash:net" : "hash:net,port"} family ${inet} timeout 0 maxelem ${size}`
}

/** The commands that put a set with these elements in the place of the one of this name, if that is `there`. */
function replaced(name: string, spec: string, elements: readonly string[], there: ReadonlySet<string>): string[] {
    const beside = `${name}-new`
    return [
        // Left by somebody who was killed in the middle of this.
        ...(there.has(beside) ? [`destroy ${beside}`] : []),
        `create ${beside} ${spec}`,
        ...elements.map((element) => `add ${beside} ${element} -exist`),
        ...(there.has(name) ? [`swap ${beside} ${name}`, `destroy ${beside}`] : [`rename ${beside} ${name}`]),
    ]
}

/** Two halves of everything: ipset knows no network of all addresses. */
function halves(network: Network): string[] {
    if (isIPv4Network(network)) {
        return network.bits === 96 ? ["0.0.0.0/1", "128.0.0.0/1"] : [formatNetwork(network)]
    }
    return network.bits === 0 ? ["::/1", "8000::/1"] : [formatNetwork(network)]
}

function room(elements: readonly string[]): number {
    return Math.max(64, elements.length)
}

function anyElement({ source, ms }: SourceTime): string {
    return `${formatSource(source)} timeout ${secondsOf(ms)}`
}

function openElement(element: GrantElement, ms: number): string {
    return `${openKey(element)} timeout ${secondsOf(ms)}`
}

function openKey({ source, service }: GrantElement): string {
    return `${formatSource(source)},${service.protocol}:${service.port}`
}

/** 0 is for ever, which whoever wrote such an element by hand has meant. */
function secondsOf(ms: number): number {
    return Number.isFinite(ms) ? Math.max(1, Math.ceil(ms / 1000)) : 0
}

function endingOf(source: GrantElement["source"]): "4" | "6" {
    return isIPv4(source.address) ? "4" : "6"
}

function lines(all: readonly string[]): string {
    return all.map((line) => `${line}\n`).join("")
}
