/**
 * One run of the client: is it open already? else knock, wait until the service answers, and knock again if it does
 * not. Everything that acts is an argument, so that tests own the network and the time.
 */
import type { Hit, Service } from "../../core/knock/hit.ts"
import { pauseBefore, planKnock, probeLimit, type Target } from "../../core/knock/plan.ts"
import type { Knocker, SendRefusal } from "../../ports/knocker.ts"
import type { Queue } from "./queue.ts"

/** What to do. Times are milliseconds. */
export type Job = {
    readonly targets: readonly Target[]
    readonly supply: Supply
    readonly delay: number
    /** What answers when the door is open; null: send and be done. */
    readonly wait: Service | null
    /** How long to wait for it after each knock. */
    readonly timeout: number
    /** How often to knock at most. */
    readonly tries: number
    /** Knock even if the service answers already, to have a grant renewed. */
    readonly force: boolean
}

/** Where knocks come from: always the same hits, or each time others. */
export type Supply = {
    /**
     * The hits of the next knock; null: there is none left. If `sendable` says yes to them, they are this run's alone
     * from then on.
     */
    readonly next: (sendable: (hits: readonly Hit[]) => Promise<boolean>) => Promise<readonly Hit[] | null>
}

/** The same hits every time. */
export function sameHits(hits: readonly Hit[]): Supply {
    return {
        async next(sendable) {
            await sendable(hits)
            return hits
        },
    }
}

/** Time, chance and others on this machine, as the flow needs them. */
export type Pace = {
    /** Milliseconds, never going back. */
    readonly now: () => number
    /** Resolves after `ms`, or at once when the run is interrupted. */
    readonly sleep: (ms: number) => Promise<void>
    /** At least 0, below 1: each time another. */
    readonly chance: () => number
    readonly queue: Queue
}

/** What is going on, for the progress line. */
export type Progress =
    | { readonly doing: "asking" }
    | { readonly doing: "hit"; readonly hit: Hit; readonly number: number; readonly of: number; readonly try: number }
    | { readonly doing: "waiting"; readonly try: number; readonly ms: number }

/** A target that could not be used, and why. */
export type Lost = { readonly target: Target; readonly code: SendRefusal; readonly detail: string }

/** A target where the service answers, and how long after the last hit it did. */
export type Answer = { readonly target: Target; readonly ms: number }

/** How it ended. */
export type Outcome = {
    readonly result: "opened" | "already-open" | "sent" | "not-opened" | "none-left" | "unreachable" | "interrupted"
    /** The whole knocks that were sent. */
    readonly tries: number
    /** How many hits the last one had. */
    readonly hits: number
    readonly answers: readonly Answer[]
    readonly lost: readonly Lost[]
}

/** Before the knock, the service has so long to say that it is open already. Only a service that drops takes it all. */
const ASK_LIMIT = 400
/** After the first answer, the other family has so long to answer too. */
const OTHERS_LIMIT = 250
/** When one family is open before the knock, the other has so long to follow. */
const PARTNER_LIMIT = 1000
/** If the service has not answered so long after the last hit, the next in the queue knocks. */
const TURN_LIMIT = 1000
/**
 * Who shares an address with others (behind a router) may have knocked at the same moment as one of them. Before the next
 * try each waits longer, by chance, for up to so many times as long as a knock takes.
 */
const SPREAD = 6

/** Runs a job. Never throws for what the network does. */
export async function runJob(
    job: Job,
    knocker: Knocker,
    pace: Pace,
    interrupted: AbortSignal,
    progress: (what: Progress) => void,
): Promise<Outcome> {
    const lost: Lost[] = []
    let hits: readonly Hit[] = []
    const done = (result: Outcome["result"], tries: number, answers: readonly Answer[] = []): Outcome => ({
        result: interrupted.aborted && result !== "opened" ? "interrupted" : result,
        tries,
        hits: hits.length,
        answers,
        lost,
    })

    const open: readonly Answer[] =
        job.wait === null || job.force ? [] : await alreadyOpen(job.wait, job.targets, knocker, interrupted, progress)
    if (open.length === job.targets.length) return done("already-open", 0, open)
    let targets: readonly Target[] = job.targets.filter((target) => open.every((answer) => answer.target !== target))
    // One family is open, so the service can be used: the other is worth one knock, but neither a long wait nor a failure.
    const tries = open.length > 0 ? 1 : job.tries
    const timeout = open.length > 0 ? Math.min(job.timeout, PARTNER_LIMIT) : job.timeout

    // A target that one of the hits cannot be sent to is left out before any of them is.
    const sendable = async (wanted: readonly Hit[]): Promise<boolean> => {
        for (const target of targets) {
            const allowed = await knocker.allowed(wanted, target)
            if (allowed.ok) continue
            lost.push({ target, code: allowed.code, detail: allowed.detail })
            targets = targets.filter((other) => other !== target)
        }
        return targets.length > 0
    }

    for (let n = 1; n <= tries && !interrupted.aborted; n++) {
        const turn = await pace.queue(
            targets.map(({ address }) => address),
            interrupted,
        )
        try {
            if (interrupted.aborted) break
            if (turn.waited && job.wait !== null && !job.force) {
                const opened = await alreadyOpen(job.wait, targets, knocker, interrupted, progress)
                if (opened.length > 0) return done("already-open", n - 1, [...open, ...opened])
            }
            const next = await job.supply.next(sendable)
            if (interrupted.aborted) break
            if (next === null) {
                const result = n > 1 ? "not-opened" : "none-left"
                return open.length > 0 ? done("already-open", n - 1, open) : done(result, n - 1)
            }
            hits = next
            const hit = (number: number) =>
                progress({ doing: "hit", hit: hits[number - 1]!, number, of: hits.length, try: n })
            targets = await sendAll({ targets, hits, delay: job.delay }, knocker, pace, interrupted, lost, hit)
            if (targets.length === 0)
                return open.length > 0 ? done("already-open", n, open) : done("unreachable", n - 1)
            if (job.wait === null) return done("sent", n)
            const waiting = (ms: number) => {
                if (ms >= TURN_LIMIT) turn.end()
                progress({ doing: "waiting", try: n, ms })
            }
            const more = n < tries ? pace.chance() * SPREAD * hits.length * job.delay : 0
            const answers = await awaitService(job.wait, targets, timeout + more, knocker, pace, interrupted, waiting)
            if (answers.length > 0) return done("opened", n, [...open, ...answers])
        } finally {
            turn.end()
        }
    }
    return open.length > 0 ? done("already-open", tries, open) : done("not-opened", tries)
}

/** The targets where the service answers before any knock. */
async function alreadyOpen(
    service: Service,
    targets: readonly Target[],
    knocker: Knocker,
    interrupted: AbortSignal,
    progress: (what: Progress) => void,
): Promise<readonly Answer[]> {
    progress({ doing: "asking" })
    const asked = await Promise.all(targets.map((target) => knocker.probe(service, target, ASK_LIMIT, interrupted)))
    return targets.filter((_, i) => asked[i] === "open").map((target) => ({ target, ms: 0 }))
}

/** Sends one whole knock. A target that cannot be reached is left out from there on; gives those that got it all. */
async function sendAll(
    job: Pick<Job, "targets" | "delay"> & { readonly hits: readonly Hit[] },
    knocker: Knocker,
    pace: Pace,
    interrupted: AbortSignal,
    lost: Lost[],
    progress: (number: number) => void,
): Promise<readonly Target[]> {
    const start = pace.now()
    const plan = planKnock(job.targets, job.hits, job.delay)
    let alive = job.targets
    // What was late (ping took its second) moves the rest along: hits never bunch up and overtake each other.
    let late = 0
    for (let i = 0; i < plan.length && !interrupted.aborted; i += job.targets.length) {
        const turn = plan.slice(i, i + job.targets.length).filter(({ target }) => alive.includes(target))
        if (turn.length === 0) break
        const due = start + plan[i]!.at + late - pace.now()
        if (due > 0) await pace.sleep(due)
        else late -= due
        if (interrupted.aborted) break
        progress(plan[i]!.number)
        const results = await Promise.all(turn.map(({ hit, target }) => knocker.send(hit, target)))
        for (const [at, result] of results.entries()) {
            if (result.ok) continue
            const { target } = turn[at]!
            lost.push({ target, code: result.code, detail: result.detail })
            alive = alive.filter((other) => other !== target)
        }
    }
    return alive
}

/** Asks every target again and again until one answers; then the others get a moment more. */
async function awaitService(
    service: Service,
    targets: readonly Target[],
    timeout: number,
    knocker: Knocker,
    pace: Pace,
    interrupted: AbortSignal,
    progress: (ms: number) => void,
): Promise<readonly Answer[]> {
    const start = pace.now()
    const answers: Answer[] = []
    let end = start + timeout
    await Promise.all(
        targets.map(async (target) => {
            for (let n = 0; !interrupted.aborted; n++) {
                const left = end - pace.now()
                if (left <= 0) return
                progress(pace.now() - start)
                const result = await knocker.probe(service, target, Math.min(left, probeLimit(n)), interrupted)
                if (result === "open") {
                    answers.push({ target, ms: pace.now() - start })
                    end = Math.min(end, pace.now() + OTHERS_LIMIT)
                    return
                }
                await pace.sleep(Math.min(pauseBefore(n), Math.max(0, end - pace.now())))
            }
        }),
    )
    return answers.toSorted((a, b) => a.ms - b.ms)
}
