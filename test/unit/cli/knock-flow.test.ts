import { describe, expect, test } from "vitest"
import { type MemoryKnocker, memoryKnocker } from "../../../src/adapters/knocker/memory.ts"
import { type Job, type Pace, type Progress, runJob, sameHits } from "../../../src/cli/knock/flow.ts"
import type { Hit } from "../../../src/core/knock/hit.ts"
import { formatHit } from "../../../src/core/knock/language.ts"
import type { Target } from "../../../src/core/knock/plan.ts"

const V6: Target = { family: 6, address: "2001:db8::1" }
const V4: Target = { family: 4, address: "192.0.2.1" }
const HITS: readonly Hit[] = [
    { protocol: "tcp", port: 1000 },
    { protocol: "udp", port: 2000 },
]
const JOB: Job = {
    targets: [V6, V4],
    supply: sameHits(HITS),
    delay: 100,
    wait: { protocol: "tcp", port: 22 },
    timeout: 5000,
    tries: 3,
    force: false,
}

const alone = () => Promise.resolve({ waited: false, end: () => {} })

/** Time that passes only when somebody sleeps or waits, and who sleeps longest wakes last. */
function simulated() {
    let now = 0
    const sleeping: { readonly at: number; readonly wake: () => void }[] = []
    const sleep = (ms: number) => new Promise<void>((wake) => void sleeping.push({ at: now + ms, wake }))
    const pace: Pace = { now: () => now, sleep, chance: () => 0, queue: alone }
    /** Runs to the end of `work`, from one awakening to the next. */
    const run = async <T>(work: Promise<T>): Promise<T> => {
        let ended = false
        const end = work.finally(() => {
            ended = true
        })
        for (let turn = 0; turn < 10_000; turn++) {
            await new Promise((resolve) => setImmediate(resolve))
            if (ended) return end
            sleeping.sort((a, b) => a.at - b.at)
            const next = sleeping.shift()
            if (next === undefined) throw new Error("everybody waits and nobody sleeps")
            now = Math.max(now, next.at)
            next.wake()
        }
        throw new Error("no end")
    }
    return { pace, run, sleep }
}

async function knock(job: Partial<Job>, answers: Parameters<typeof memoryKnocker>[0], stop?: AbortController) {
    const time = simulated()
    const knocker: MemoryKnocker = memoryKnocker({
        ...answers,
        probe: async (target, sent, ms) => {
            const result = (await answers.probe?.(target, sent, ms)) ?? "refused"
            if (result === "silent") await time.sleep(ms)
            return result
        },
    })
    const progress: Progress[] = []
    const signal = (stop ?? new AbortController()).signal
    const work = runJob({ ...JOB, ...job }, knocker, time.pace, signal, (what) => progress.push(what))
    const outcome = await time.run(work)
    const sent = knocker.sent.map(({ hit, target }) => `${formatHit(hit)} ${target.family}`)
    return { outcome, sent, progress, took: time.pace.now() }
}

const ALL = ["1000 6", "1000 4", "2000:udp 6", "2000:udp 4"]

describe("runJob()", () => {
    test("knocks on both families side by side, and says when each answered", async () => {
        const { outcome, sent, took } = await knock({}, { probe: (_target, n) => (n === 4 ? "open" : "refused") })
        expect(outcome).toMatchObject({ result: "opened", tries: 1, lost: [] })
        expect(outcome.answers.map(({ target }) => target)).toEqual([V6, V4])
        expect(sent).toEqual(ALL)
        expect(took).toBe(100)
    })

    test("does not knock where the service answers already, unless forced", async () => {
        const open = { probe: () => "open" as const }
        expect(await knock({}, open)).toMatchObject({ outcome: { result: "already-open", tries: 0 }, sent: [] })
        expect(await knock({ force: true }, open)).toMatchObject({ outcome: { result: "opened", tries: 1 }, sent: ALL })
    })

    test("knocks on the other family once when one is open, and is content either way", async () => {
        const v4Only = await knock({}, { probe: (target) => (target === V4 ? "open" : "refused") })
        expect(v4Only).toMatchObject({ outcome: { result: "already-open", tries: 1 }, sent: ["1000 6", "2000:udp 6"] })
        expect(v4Only.took).toBeLessThan(1500)
        const unreachable = await knock(
            {},
            {
                probe: (target) => (target === V4 ? "open" : "unreachable"),
                send: () => ({ ok: false, code: "unreachable", detail: "ENETUNREACH" }),
            },
        )
        expect(unreachable.outcome).toMatchObject({ result: "already-open", answers: [{ target: V4 }] })
    })

    test("sends and is done without a service to wait for", async () => {
        const { outcome, sent, took } = await knock({ wait: null }, { probe: () => "open" })
        expect(outcome).toMatchObject({ result: "sent", tries: 1, answers: [] })
        expect(sent).toEqual(ALL)
        expect(took).toBe(100)
    })

    test.each(["refused", "silent", "unreachable"] as const)(
        "knocks again, and gives up, when all is %s",
        async (says) => {
            const { outcome, sent, took, progress } = await knock({}, { probe: () => says })
            expect(outcome).toMatchObject({ result: "not-opened", tries: 3 })
            expect(sent).toEqual([...ALL, ...ALL, ...ALL])
            expect(took).toBeGreaterThanOrEqual(3 * 5100)
            expect(took).toBeLessThanOrEqual(3 * 5100 + 400)
            expect(progress.filter(({ doing }) => doing === "hit")).toHaveLength(6)
        },
    )

    test("stops at the knock that opened", async () => {
        const { outcome } = await knock({}, { probe: (_target, n) => (n >= 8 ? "open" : "silent") })
        expect(outcome).toMatchObject({ result: "opened", tries: 2 })
    })

    test("waits for the other family only a moment after the first answer", async () => {
        const slow = await knock({}, { probe: (target, n) => (n === 4 && target === V4 ? "open" : "refused") })
        expect(slow.outcome.answers.map(({ target }) => target)).toEqual([V4])
        expect(slow.took).toBeLessThanOrEqual(100 + 250 + 20)
    })

    test("leaves a family out from where it cannot be reached, and goes on with the other", async () => {
        const { outcome, sent } = await knock(
            {},
            {
                probe: (target, n) => (target === V4 && n === 2 ? "open" : "unreachable"),
                send: (_hit, target) =>
                    target === V6 ? { ok: false, code: "unreachable", detail: "ENETUNREACH" } : { ok: true },
            },
        )
        expect(sent).toEqual(["1000 4", "2000:udp 4"])
        expect(outcome).toMatchObject({ result: "opened", lost: [{ target: V6, code: "unreachable" }] })
        expect(outcome.lost).toHaveLength(1)
    })

    test("sends nothing at all where a permission is missing for one of the hits", async () => {
        const { outcome, sent } = await knock(
            {},
            { allowed: () => ({ ok: false, code: "echo-denied", detail: "EPERM" }) },
        )
        expect(sent).toEqual([])
        expect(outcome).toMatchObject({ result: "unreachable", tries: 0, lost: [{ target: V6 }, { target: V4 }] })
    })

    test("sends nothing more when no family is left", async () => {
        const { outcome, sent } = await knock(
            {},
            {
                send: ({ protocol }) =>
                    protocol === "tcp" ? { ok: true } : { ok: false, code: "denied", detail: "EPERM" },
            },
        )
        expect(sent).toEqual(["1000 6", "1000 4"])
        expect(outcome).toMatchObject({ result: "unreachable", tries: 0 })
        expect(outcome.lost.map(({ code }) => code)).toEqual(["denied", "denied"])
    })

    test("keeps the pace after a hit that took long", async () => {
        const time = simulated()
        const at: number[] = []
        const knocker = memoryKnocker({})
        const slow = {
            ...knocker,
            send: async (hit: Hit, target: Target) => {
                at.push(time.pace.now())
                if (at.length === 1) await time.sleep(1000)
                return knocker.send(hit, target)
            },
        }
        const job = { ...JOB, targets: [V4], wait: null, supply: sameHits([...HITS, ...HITS]) }
        await time.run(runJob(job, slow, time.pace, new AbortController().signal, () => {}))
        expect(at).toEqual([0, 1000, 1100, 1200])
    })

    test("waits for its turn, looks whether it is open by then, and lets the next one begin", async () => {
        const said: string[] = []
        const run = async (waited: boolean, openAt: number, job: Partial<Job> = {}) => {
            const time = simulated()
            let asked = 0
            const knocker = memoryKnocker({
                probe: () => (asked++ >= openAt ? "open" : "refused"),
                send: () => {
                    said.push("hit")
                    return { ok: true }
                },
            })
            const queue = () => {
                said.push("waits")
                return Promise.resolve({ waited, end: () => void said.push("ends") })
            }
            const pace = { ...time.pace, queue }
            const whole = { ...JOB, targets: [V4], ...job }
            const outcome = await time.run(runJob(whole, knocker, pace, new AbortController().signal, () => {}))
            return { result: outcome.result, said: said.splice(0).join(" ") }
        }
        expect(await run(false, 1)).toEqual({ result: "opened", said: "waits hit hit ends" })
        expect(await run(true, 1)).toEqual({ result: "already-open", said: "waits ends" })
        expect(await run(true, 0, { force: true })).toEqual({ result: "opened", said: "waits hit hit ends" })
        // While one only waits for an answer, the next one knocks.
        const never = await run(false, Infinity, { tries: 1 })
        expect(never).toMatchObject({ result: "not-opened", said: expect.stringMatching(/^waits hit hit (ends ?)+$/) })
        expect(await run(false, 1, { wait: null })).toEqual({ result: "sent", said: "waits hit hit ends" })
    })

    test("waits longer by chance before it tries again, so that those who share an address part", async () => {
        const time = simulated()
        const at: number[] = []
        const knocker = memoryKnocker({
            send: () => {
                at.push(time.pace.now())
                return { ok: true }
            },
        })
        const job = { ...JOB, targets: [V4], tries: 2 }
        const pace = { ...time.pace, chance: () => 0.5 }
        await time.run(runJob(job, knocker, pace, new AbortController().signal, () => {}))
        expect(at).toEqual([0, 100, 5700, 5800])
        expect(time.pace.now()).toBe(10_800)
    })

    test("ends at once when it is interrupted, wherever it is", async () => {
        for (const after of [0, 1, 2, 3]) {
            const stop = new AbortController()
            let steps = 0
            const step = () => {
                if (steps++ >= after) stop.abort()
            }
            const { outcome, sent } = await knock(
                {},
                {
                    probe: () => {
                        step()
                        return "refused"
                    },
                    send: () => {
                        step()
                        return { ok: true }
                    },
                },
                stop,
            )
            expect(outcome.result).toBe("interrupted")
            expect(sent.length).toBeLessThan(ALL.length)
        }
    })
})
