/** Joins request, profile, addresses, knocker and flow, and says how it went. */
import { isIP } from "node:net"
import type { Hit, Service, TcpFlags } from "../../core/knock/hit.ts"
import { formatHit, formatService } from "../../core/knock/language.ts"
import { type Family, pickTargets, planKnock, type Target } from "../../core/knock/plan.ts"
import type { Profile, ProfileDoor } from "../../core/knock/profile.ts"
import { SYN } from "../../core/net/packet.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { profileFolder } from "../device/folders.ts"
import type { Published } from "../device/published.ts"
import {
    lostText,
    noDoorText,
    noProfileText,
    notFoundText,
    progressText,
    resultText,
    type Said,
} from "../texts/knock.ts"
import { errorCode } from "./errors.ts"
import { type Job, type Outcome, runJob, type Supply, sameHits } from "./flow.ts"
import { type FileTrouble, type Loaded, namedProfile, profileFor, readHits } from "./profiles.ts"
import { type ProgressLine, progressLine } from "./progress.ts"
import { localQueue } from "./queue.ts"
import type { RawOptions, Request } from "./request.ts"
import { tellFileTrouble } from "./trouble.ts"

/** Between two hits, in milliseconds: far more than packets on one path overtake each other by. */
const DELAY = 100
const TIMEOUT = 5000
const RETRIES = 2

/** What is known before anything is sent. */
type Knock = {
    /** As typed. */
    readonly host: string
    /** What the name service is asked for. */
    readonly address: string
    readonly door: string | null
    readonly supply: Supply
    readonly flags: TcpFlags | null
    readonly wait: Service | null
    readonly profile: Profile | null
    /** For knocks that are another one each time: hears of the success, and knows why there is none left. */
    readonly published: Published | null
}

type Stop = { readonly stop: ExitCode }

/** Carries out a request and gives the exit code. */
export async function knockAt(request: Request, options: RawOptions, terminal: Terminal): Promise<ExitCode> {
    const interruption = new AbortController()
    const line = progressLine(terminal, options.quiet === true)
    const knock = await prepare(request, options, terminal, line, interruption.signal)
    if ("stop" in knock) return knock.stop
    if (request.retries !== undefined && knock.wait === null) {
        terminal.error("--retries: without --wait nobody knows whether to knock again")
        return EXIT.usage
    }
    const targets = await resolve(knock.address, request.families)
    if ("error" in targets) {
        terminal.error(...notFoundText(knock.address, targets.error))
        return EXIT.network
    }
    const job: Job = {
        targets: zoned(targets.targets, request.interface),
        supply: knock.supply,
        delay: request.delay ?? knock.profile?.delay ?? DELAY,
        wait: knock.wait,
        timeout: request.timeout ?? knock.profile?.timeout ?? TIMEOUT,
        tries: knock.wait === null ? 1 : 1 + (request.retries ?? knock.profile?.retries ?? RETRIES),
        force: request.force,
    }
    if (options.dryRun) return dryRun(job, knock, options, terminal, line)
    return run(job, knock, request, options, terminal, line, interruption)
}

async function run(
    job: Job,
    knock: Knock,
    request: Request,
    options: RawOptions,
    terminal: Terminal,
    line: ProgressLine,
    interruption: AbortController,
): Promise<ExitCode> {
    const { socketKnocker } = await import("../../adapters/knocker/sockets.ts")
    const knocker = socketKnocker({
        source: request.source,
        sourcePort: request.sourcePort,
        interface: request.interface,
        flags: knock.flags?.set || SYN,
    })
    const interrupt = () => interruption.abort()
    process.once("SIGINT", interrupt)
    const { sleep, wake } = sleeper()
    interruption.signal.addEventListener("abort", wake)
    const pace = { now: () => performance.now(), sleep, chance: () => Math.random(), queue: localQueue }
    try {
        const outcome = await runJob(job, knocker, pace, interruption.signal, (what) => {
            if (options.verbose && what.doing === "hit") {
                const to = job.targets.map(({ address }) => address).join(" and ")
                terminal.say(`hit ${what.number} of ${what.of}: ${formatHit(what.hit)} to ${to}`)
            } else line.show(progressText(knock.host, knock.wait, what))
        })
        line.clear()
        if (outcome.result === "opened") knock.published?.opened()
        return report(outcome, job, knock, options, terminal)
    } finally {
        line.clear()
        process.off("SIGINT", interrupt)
        knocker.close()
    }
}

/** Says how it ended. */
function report(outcome: Outcome, job: Job, knock: Knock, options: RawOptions, terminal: Terminal): ExitCode {
    const none = outcome.result === "none-left" ? (knock.published?.whyNone() ?? null) : null
    const said = none?.said ?? resultText(outcome, knock.host, knock.wait)
    const code = none?.code ?? exitCode(outcome)
    const [lost] = outcome.result === "unreachable" ? outcome.lost : []
    const why = code === EXIT.ok ? null : lost === undefined ? said[0] : lostText(lost)[0]
    if (options.json) terminal.out(JSON.stringify({ ...asJson(outcome, job, knock), why }))
    // A family without a way is no news while the other one works; everything else that was lost is.
    for (const one of outcome.lost)
        if (code !== EXIT.ok || one.code !== "unreachable")
            terminal[code === EXIT.ok ? "warn" : "error"](...lostText(one))
    if (code === EXIT.ok) {
        if (!options.json && !options.quiet) terminal.out(said[0])
    } else if (outcome.result === "interrupted") {
        if (!options.quiet) terminal.say(said[0])
    } else if (outcome.lost.length === 0 || outcome.result === "not-opened") terminal.error(...said)
    return code
}

const PERMISSION = ["echo-denied", "raw-denied", "privileged-port", "denied"]

function exitCode(outcome: Outcome): ExitCode {
    if (outcome.result === "interrupted") return EXIT.interrupted
    if (outcome.result === "not-opened") return EXIT.failed
    if (outcome.result === "none-left") return EXIT.stale
    if (outcome.result !== "unreachable") return EXIT.ok
    return outcome.lost.some(({ code }) => PERMISSION.includes(code)) ? EXIT.permission : EXIT.network
}

function asJson(outcome: Outcome, job: Job, knock: Knock) {
    return {
        host: knock.host,
        door: knock.door,
        result: outcome.result,
        addresses: job.targets.map(({ address }) => address),
        hits: outcome.hits,
        knocks: outcome.tries,
        service: knock.wait === null ? null : formatService(knock.wait),
        answers: outcome.answers.map(({ target, ms }) => ({ address: target.address, ms: Math.round(ms) })),
        lost: outcome.lost.map(({ target, code, detail }) => ({ address: target.address, code, detail })),
    }
}

/** Shows the plan. The only place beside `--verbose` that names the hits of a profile. */
async function dryRun(
    job: Job,
    knock: Knock,
    options: RawOptions,
    terminal: Terminal,
    line: ProgressLine,
): Promise<ExitCode> {
    const hits = await knock.supply.next(() => Promise.resolve(false))
    line.clear()
    if (hits === null) {
        const none = { result: "none-left", tries: 0, hits: 0, answers: [], lost: [] } as const
        return report(none, job, knock, options, terminal)
    }
    const plan = planKnock(job.targets, hits, job.delay)
    if (options.json) {
        const sends = plan.map(({ at, hit, target }) => ({ at, address: target.address, hit: formatHit(hit) }))
        terminal.out(JSON.stringify({ host: knock.host, door: knock.door, result: "dry-run", sends }))
    } else {
        for (const { at, hit, target } of plan)
            terminal.out(`${String(at).padStart(6)} ms  ${formatHit(hit).padEnd(10)}  ${target.address}`)
        if (job.wait !== null) terminal.out(`  then wait for ${formatService(job.wait)}`)
    }
    return EXIT.ok
}

/** Finds the hits and all that belongs to them. */
async function prepare(
    request: Request,
    options: RawOptions,
    terminal: Terminal,
    line: ProgressLine,
    interrupted: AbortSignal,
): Promise<Knock | Stop> {
    const { host, wanted } = request
    const loaded =
        request.profile === null
            ? await profileFor(host, terminal.env, wanted.from === "door")
            : await namedProfile(request.profile, terminal.env)
    if (loaded !== null && !loaded.ok) return trouble(loaded.trouble, terminal)
    const profile = loaded?.value ?? null
    const base = { host, address: profile?.host ?? host, profile, published: null }
    const given = { flags: request.flags ?? null, wait: request.wait ?? null }
    if (wanted.from === "operands") return { ...base, ...given, door: null, supply: sameHits(wanted.hits) }
    if (wanted.from === "file") {
        const hits: Loaded<readonly Hit[]> = readHits(wanted.file)
        return hits.ok
            ? { ...base, ...given, door: null, supply: sameHits(hits.value) }
            : trouble(hits.trouble, terminal)
    }
    if (profile === null) return usage(noProfileText(host, wanted.door, profileFolder(terminal.env)), terminal)
    const door = pickDoor(profile, wanted.door)
    if (profile.bundle !== null && (wanted.door === null || door === null || door.hits.length === 0)) {
        // Loaded for bundles alone: a fixed sequence is sent without waiting for all of that.
        const { publishedDoor } = await import("../device/published.ts")
        const wait = request.wait === undefined ? (door?.wait ?? undefined) : request.wait
        const asked = { bundle: profile.bundle, name: request.profile ?? host, door: wanted.door, wait }
        const found = await publishedDoor(asked, options, terminal, line, interrupted)
        return "stop" in found ? found : { ...base, ...found, flags: request.flags ?? door?.flags ?? null }
    }
    if (door === null) {
        const known = profile.doors.map(({ name }) => name)
        return usage(noDoorText(host, wanted.door, known), terminal)
    }
    const wait = request.wait === undefined ? door.wait : request.wait
    return { ...base, door: door.name, supply: sameHits(door.hits), flags: request.flags ?? door.flags, wait }
}

function pickDoor(profile: Profile, name: string | null): ProfileDoor | null {
    if (name === null) return profile.doors.length === 1 ? profile.doors[0]! : null
    return profile.doors.find((door) => door.name === name) ?? null
}

function usage(said: Said, terminal: Terminal): Stop {
    terminal.error(...said)
    return { stop: EXIT.usage }
}

function trouble(found: FileTrouble, terminal: Terminal): Stop {
    return { stop: tellFileTrouble(found, terminal) }
}

/** Where the host is: what it says itself, or what the name service says. */
async function resolve(
    host: string,
    families: readonly Family[],
): Promise<{ readonly targets: readonly Target[] } | { readonly error: string }> {
    try {
        const addresses = isIP(host) === 0 ? await lookUp(host) : [{ address: host, family: familyOf(isIP(host)) }]
        const targets = pickTargets(addresses, families)
        return targets.length > 0 ? { targets } : { error: "FAMILY" }
    } catch (error) {
        return { error: errorCode(error) }
    }
}

/** Asks the name service, once. Throws what it answers. */
async function lookUp(name: string): Promise<readonly Target[]> {
    // Loaded for names alone: an address is most of what a script knocks at, and should not wait for it.
    const { lookup } = await import("node:dns/promises")
    const found = await lookup(name, { all: true, verbatim: true })
    return found.map(({ address, family }) => ({ address, family: familyOf(family) }))
}

function familyOf(number: number): Family {
    return number === 6 ? 6 : 4
}

/** A link-local address needs to know its link: that of `--interface`, where it does not say one itself. */
function zoned(targets: readonly Target[], name: string | null): readonly Target[] {
    if (name === null) return targets
    return targets.map((target) =>
        /^fe[89ab]/i.test(target.address) && !target.address.includes("%")
            ? { ...target, address: `${target.address}%${name}` }
            : target,
    )
}

/** Sleeps that all end at once when woken. */
function sleeper(): { readonly sleep: (ms: number) => Promise<void>; readonly wake: () => void } {
    const sleeping = new Set<() => void>()
    return {
        sleep: (ms) =>
            new Promise((resolve) => {
                const end = () => {
                    clearTimeout(timer)
                    sleeping.delete(end)
                    resolve()
                }
                const timer = setTimeout(end, ms)
                sleeping.add(end)
            }),
        wake: () => {
            for (const end of sleeping) end()
        },
    }
}
