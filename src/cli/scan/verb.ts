/** `postern scan` as it was asked: who is looked at, by which way, and what is told of it. */
import { isIP } from "node:net"
import { hasCapability } from "../../adapters/system/capabilities.ts"
import { SystemError } from "../../adapters/system/errno.ts"
import { findWay, type NoWay } from "../../adapters/wire/way.ts"
import { openWire, type Wire } from "../../adapters/wire/wire.ts"
import { pickTargets, type Target } from "../../core/knock/plan.ts"
import { formatAddress } from "../../core/net/address.ts"
import { isOpen, looksClosed, type View } from "../../core/scan/finding.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { errorCode } from "../knock/errors.ts"
import { noWayText, scanJson, slowText, viewLines } from "../texts/scan.ts"
import { choose, Look } from "./look.ts"
import type { Plan } from "./plan.ts"
import { type RawOptions, type Request, readRequest } from "./request.ts"
import { measure } from "./stopwatch.ts"

/** Shorter than any way that leads through a network; longer ones are measured. */
const WAIT_MS = 25
/** Times the way there and back. */
const MARGIN = 3
/** So many ports are tried until two are closed, and after so many probes a person hears how far it is. */
const NEIGHBOURS = 20
const STEP = 25

type NoClosed = { readonly code: "no-closed" }

/** Looks, tells, and gives the exit code: 0 only if nothing tells the port from a closed one. */
export async function scanAsAsked(host: string, options: RawOptions, terminal: Terminal): Promise<ExitCode> {
    const request = readRequest(options)
    if ("wrong" in request) {
        terminal.error(...request.wrong)
        return EXIT.usage
    }
    // Node would look it up, and complain to the terminal.
    if (host === "") {
        terminal.error("no host is named", "an address or a name, as in postern scan gate.example.org")
        return EXIT.usage
    }
    if (!hasCapability("CAP_NET_RAW")) {
        terminal.error("it takes root: packets as odd as these are made by hand", "sudo postern scan …")
        return EXIT.permission
    }
    const targets = await resolve(host, request.families)
    if ("error" in targets) {
        terminal.error(`${host}: ${targets.error}`, "an address, or a name that has one of the wanted family")
        return EXIT.network
    }
    try {
        return await scanAll(host, targets.targets, request, options, terminal)
    } catch (error) {
        if (!(error instanceof SystemError)) throw error
        terminal.error(error.message, "it takes CAP_NET_RAW, and an interface that is up")
        return EXIT.network
    }
}

async function scanAll(
    host: string,
    targets: readonly Target[],
    request: Request,
    options: RawOptions,
    terminal: Terminal,
): Promise<ExitCode> {
    const views: View[] = []
    const missed: string[] = []
    const looks = targets.map(async (target) => {
        const seen = await scanOne(target, request, options, terminal)
        if ("findings" in seen) views.push(seen)
        else missed.push(noWayText(target.address, seen))
    })
    await Promise.all(looks)
    views.sort((a, b) => a.family - b.family)
    for (const text of missed) terminal.warn(text)
    if (views.length === 0) {
        terminal.error(`${host}: nothing could be looked at`)
        return EXIT.network
    }
    const closed = looksClosed(views)
    if (options.json === true) terminal.out(JSON.stringify(scanJson(host, request.service, views)))
    else for (const line of viewLines(host, request.service, views, options.verbose === true)) terminal.out(line)
    for (const view of views.filter(isOpen))
        terminal.warn(
            `${view.address}: the port is open to this host`,
            "look from a host without a grant, and wait until grants of earlier knocks have ended",
        )
    return closed ? EXIT.ok : EXIT.failed
}

/** One family: the way, two closed ports, the probes, and the times if they are wanted. */
async function scanOne(
    target: Target,
    request: Request,
    options: RawOptions,
    terminal: Terminal,
): Promise<View | NoWay | NoClosed> {
    const { service } = request
    const [first, second] = request.closed ?? [beside(service.port, 1), beside(service.port, 2)]
    const way = await findWay(target.family, target.address, first)
    if ("code" in way) return way
    const wire = openWire(way.index)
    try {
        const wait = request.wait ?? Math.max(WAIT_MS, MARGIN * (way.roundTrip ?? WAIT_MS))
        const { pace, spoof } = options
        const plan: Plan = { way, service, closed: [first, second], rounds: request.rounds, wait, pace, spoof }
        const closed = request.closed ?? (await twoClosed(wire, plan))
        return closed === null ? { code: "no-closed" } : await lookAt(wire, { ...plan, closed }, options, terminal)
    } finally {
        wire.close()
    }
}

async function lookAt(wire: Wire, plan: Plan, options: RawOptions, terminal: Terminal): Promise<View> {
    const { way, service } = plan
    const { sent, left } = choose(plan)
    const look = new Look(wire, plan)
    let done = 0
    const findings = await look.run(
        sent,
        () => {
            if (terminal.interactive && ++done % STEP === 0) terminal.say(`IPv${way.family}: ${done} of ${sent.length}`)
        },
        (seconds) => terminal.say(slowText(way.family, seconds)),
    )
    const labels = way.family === 6 && service.protocol === "tcp" ? await look.sharedLabels() : []
    return {
        family: way.family,
        address: formatAddress(way.host),
        interface: way.interface,
        onLink: way.onLink !== null,
        closed: plan.closed,
        findings,
        leftOut: left,
        sharedLabels: labels,
        timing: options.timing === true ? await measure(wire, plan) : [],
    }
}

/** The next two ports where nothing answers a SYN as an open one does. Nobody asks that of UDP: it says nothing. */
async function twoClosed(wire: Wire, plan: Plan): Promise<readonly [number, number] | null> {
    const found: number[] = []
    const look = new Look(wire, plan)
    for (let step = 1; step <= NEIGHBOURS && found.length < 2; step++) {
        const port = beside(plan.service.port, step)
        if (plan.service.protocol === "udp" || (await look.ask(port)) !== "open") found.push(port)
    }
    const [first, second] = found
    return first === undefined || second === undefined ? null : [first, second]
}

/** A port further on; behind the last one comes the first. */
function beside(port: number, step: number): number {
    return ((port + step - 1) % 65_535) + 1
}

async function resolve(
    host: string,
    families: readonly (4 | 6)[],
): Promise<{ readonly targets: readonly Target[] } | { readonly error: string }> {
    try {
        const literal = isIP(host)
        const { lookup } = await import("node:dns/promises")
        const found =
            literal > 0 ? [{ address: host, family: literal }] : await lookup(host, { all: true, verbatim: true })
        const all = found.map(({ address, family }): Target => ({ address, family: family === 6 ? 6 : 4 }))
        const targets = pickTargets(all, families)
        return targets.length > 0 ? { targets } : { error: "no address of this family" }
    } catch (error) {
        return { error: errorCode(error) }
    }
}
