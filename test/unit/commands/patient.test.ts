import { describe, expect, it, vi } from "vitest"
import { patient } from "../../../src/adapters/commands/patient.ts"
import type { CommandJob, CommandOutcome } from "../../../src/ports/commands.ts"

const LACK = { ended: "error", detail: "spawn EMFILE" } as const
const DONE = { ended: "exit", code: 0 } as const
const job = (more: Partial<CommandJob> = {}): CommandJob => ({
    lane: "one",
    argv: ["/bin/stop"],
    timeout: 1000,
    output: () => {},
    must: true,
    ...more,
})

/** Fails so many times for a passing reason, then works. */
function short(of: number) {
    let tries = 0
    const [killed, left] = [vi.fn(), vi.fn()]
    const start = patient((_, ended) => {
        const lacks = ++tries <= of
        setImmediate(() => ended(lacks ? LACK : DONE, lacks))
        return { kill: killed, leave: left }
    }, 1)
    return { start, killed, left, tries: () => tries }
}

describe("patient()", () => {
    it("tries what must run until it can, and says so once", async () => {
        const { start, tries } = short(3)
        const late = vi.fn()
        const outcome = await new Promise<CommandOutcome>((resolve) => void start(job({ late }), resolve))
        expect(outcome).toEqual(DONE)
        expect(tries()).toBe(4)
        expect(late.mock.calls).toEqual([["spawn EMFILE"]])
    })

    it("tries nothing else again, and nothing whose reason stays", async () => {
        const { start, tries } = short(3)
        expect(await new Promise((resolve) => void start(job({ must: false }), resolve))).toEqual(LACK)
        expect(tries()).toBe(1)
        const missing = { ended: "error", detail: "spawn ENOENT" } as const
        const gone = patient((_, ended) => {
            setImmediate(() => ended(missing, false))
            return { kill: () => {}, leave: () => {} }
        }, 1)
        expect(await new Promise((resolve) => void gone(job(), resolve))).toEqual(missing)
    })

    it("ends what waits for its next try, once, and kills what runs", async () => {
        const { start } = short(Number.POSITIVE_INFINITY)
        const [ended, killed] = [vi.fn(), vi.fn()]
        const late = new Promise((resolve) => {
            const running = start(job({ late: () => setImmediate(resolve) }), ended)
            void Promise.resolve()
                .then(() => late)
                .then(() => {
                    running.kill()
                    running.kill()
                })
        })
        await vi.waitFor(() => expect(ended).toHaveBeenCalledWith(LACK))
        expect(ended).toHaveBeenCalledTimes(1)
        const other = patient(() => ({ kill: killed, leave: () => {} }), 1)
        other(job(), ended).kill()
        expect(killed).toHaveBeenCalledTimes(1)
    })

    it("leaves what runs, and tries no more", async () => {
        vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
        try {
            const { start, left, tries } = short(Number.POSITIVE_INFINITY)
            const ended = vi.fn()
            await new Promise<void>((resolve) => {
                const running = start(
                    job({
                        late: () =>
                            setImmediate(() => {
                                running.leave()
                                resolve()
                            }),
                    }),
                    ended,
                )
            })
            vi.advanceTimersByTime(1000)
            expect([tries(), ended.mock.calls.length, left.mock.calls.length]).toEqual([1, 0, 1])
        } finally {
            vi.useRealTimers()
        }
    })
})
