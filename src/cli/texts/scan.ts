/** What `postern scan` says: a sentence for each family first, what differs after it. */
import type { NoWay } from "../../adapters/wire/way.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { countOf, differing, looksClosed, type Timing, type View } from "../../core/scan/finding.ts"
import type { Group, Probe } from "../../core/scan/probe.ts"

const GROUPS: Readonly<Record<Group, string>> = {
    flags: "flags",
    options: "options of TCP",
    dscp: "DSCP and ECN",
    malformed: "malformed segments",
    header: "IP header and ports",
    extensions: "IP options, extension headers",
    fragments: "fragments",
    link: "frames",
    sequences: "packets in a row",
    addresses: "addresses",
    others: "other protocols",
}

/** Below this chance the two closed ports themselves are not alike, and the times say nothing. */
const ALIKE = 0.01

/** The whole report. */
export function viewLines(host: string, service: Service, views: readonly View[], verbose: boolean): string[] {
    const name = formatService(service)
    return [verdictOf(host, name, views), ...views.flatMap((view) => ["", ...linesOf(view, service, verbose)])]
}

function verdictOf(host: string, name: string, views: readonly View[]): string {
    const counts = views.map(countOf)
    const telling = counts.reduce((sum, { all, void: nothing }) => sum + all - nothing, 0)
    if (looksClosed(views)) return `${host}: ${name} cannot be told from a closed port by any of ${telling} probes`
    if (counts.some(({ differ }) => differ > 0) || views.some(({ sharedLabels }) => sharedLabels.length > 0))
        return `${host}: ${name} can be told from a closed port`
    return `${host}: nothing can be said of ${name}: closed ports themselves are not answered alike`
}

function linesOf(view: View, service: Service, verbose: boolean): string[] {
    const { all, same, answered, differ, void: nothing } = countOf(view)
    const closed = view.closed.map((port) => formatService({ ...service, port })).join(" and ")
    const where = `${view.interface}, ${view.onLink ? "on its own link" : "not on its own link"}`
    return [
        `IPv${view.family}  ${view.address}, by ${where}, beside ${closed}`,
        `  ${all} probes: ${same} alike (${answered} answered), ${differ} different`,
        ...(nothing === 0 ? [] : [`  ${nothing} say nothing: the closed ports themselves differ`]),
        ...(same === all && answered === 0
            ? ["  nothing was answered: who drops everything hides everything alike"]
            : []),
        ...(view.leftOut.length === 0 ? [] : [`  ${view.leftOut.length} left out: ${reasonsOf(view)}`]),
        ...(verbose ? probeLines(view) : groupLines(view)),
        ...view.sharedLabels.map(
            (port) => `  flow labels: tcp/${port} has the same, so the same socket answers for both`,
        ),
        ...view.timing.map(timingLine),
    ]
}

function reasonsOf({ leftOut, onLink }: View): string {
    const reasons = new Set(leftOut.map(({ needs }) => (onLink ? "--no-spoof" : needs)))
    if (!onLink) return "they need a place on the same link"
    return [...reasons].join(", ")
}

/** One line for each group that has any: how many, and the parts that give it away. */
function groupLines(view: View): string[] {
    const found = differing(view)
    return Object.entries(GROUPS).flatMap(([group, name]) => {
        const here = found.filter(({ probe }) => probe.group === group)
        if (here.length === 0) return []
        const all = view.findings.filter(({ probe }) => probe.group === group).length
        const parts = new Set(here.flatMap(({ differences }) => differences.map(partText)))
        const [first, second, ...rest] = parts
        const shown = [first, second].filter((part) => part !== undefined).join("; ")
        return [`  ${name}: ${here.length} of ${all}: ${shown}${rest.length === 0 ? "" : "; …"}`]
    })
}

function probeLines(view: View): string[] {
    return differing(view).map(
        ({ probe, differences }) => `  ${probeText(probe)}: ${differences.map(partText).join("; ")}`,
    )
}

const probeText = ({ group, name }: Probe) => `${GROUPS[group]}: ${name}`

function partText({ part, here, closed }: { part: string; here: string; closed: string }): string {
    return `${part} ${here === "" ? "empty" : here}, closed: ${closed === "" ? "empty" : closed}`
}

function timingLine({ what, here, closed, samples, test, control }: Timing): string {
    const times = `${what}: ${micro(here)}, closed: ${micro(closed)} (median of ${samples})`
    const odds = `same by chance: p = ${test.p.toPrecision(2)}; the two closed ports: p = ${control.p.toPrecision(2)}`
    return `  ${times}; ${odds}${control.p < ALIKE ? ", so it says nothing" : ""}`
}

const micro = (ns: number) => `${(ns / 1000).toFixed(2)} µs`

/** Why a family could not be looked at. */
export function noWayText(address: string, why: NoWay | { readonly code: "no-closed" }): string {
    switch (why.code) {
        case "unreachable":
            return `${address}: no way there: ${why.detail}`
        case "here":
            return `${address}: this host itself: look from another one`
        case "silent":
            return `${address}: nobody on the link has this address`
        case "no-closed":
            return `${address}: found no two closed ports beside it: name them by --closed`
    }
}

/** What is said before a scan that takes long. */
export function slowText(family: 4 | 6, seconds: number): string {
    return `IPv${family}: closed ports are rejected by ICMP, which hosts ration: this takes some ${Math.ceil(seconds / 60)} minutes (--no-pace)`
}

/** For scripts. */
export function scanJson(host: string, service: Service, views: readonly View[]) {
    return {
        version: 1,
        host,
        port: formatService(service),
        looksClosed: looksClosed(views),
        families: views.map((view) => ({
            family: view.family,
            address: view.address,
            interface: view.interface,
            onLink: view.onLink,
            closed: view.closed.map((port) => formatService({ ...service, port })),
            counts: countOf(view),
            differ: differing(view).map(({ probe, differences }) => ({
                group: probe.group,
                probe: probe.name,
                differences,
            })),
            void: view.findings.filter(({ verdict }) => verdict.type === "void").map(({ probe }) => probe.name),
            leftOut: view.leftOut.map(({ name }) => name),
            sharedLabels: view.sharedLabels,
            timing: view.timing,
        })),
    }
}
