/** Lines on their way out, against an outlet that takes what it is told to take. */
import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { LogWriter } from "../../../src/adapters/log/writer.ts"

/** Takes `room` bytes in all, then says `trouble`, or that there is no room. */
class Pipe {
    text = ""
    room = Number.POSITIVE_INFINITY
    trouble: string | null = null
    closed = 0
    readonly write = (bytes: Uint8Array): number | string => {
        const taken = Math.min(this.room, bytes.length)
        this.room -= taken
        this.text += new TextDecoder().decode(bytes.subarray(0, taken))
        return taken === 0 && this.trouble !== null ? this.trouble : taken
    }
    readonly close = () => void this.closed++
}

const missed = (count: number, why: string) => `(${count} lost: ${why})`

describe("LogWriter", () => {
    it("writes each line in the turn that says it", () => {
        const pipe = new Pipe()
        const writer = new LogWriter(pipe, { missed })
        writer.line("one")
        expect(pipe.text).toBe("one\n")
        writer.line("two")
        expect(pipe.text).toBe("one\ntwo\n")
    })

    it("keeps what finds no room, in order, and offers it again", async () => {
        const pipe = new Pipe()
        const writer = new LogWriter(pipe, { missed })
        pipe.room = 6
        for (const line of ["one", "two", "three"]) writer.line(line)
        expect(pipe.text).toBe("one\ntw")
        pipe.room = Number.POSITIVE_INFINITY
        await vi.waitFor(() => expect(pipe.text).toBe("one\ntwo\nthree\n"))
    })

    it("loses what is beyond its bound, counts it, and tells it where the gap is", async () => {
        const pipe = new Pipe()
        const writer = new LogWriter(pipe, { missed, room: 100 })
        pipe.room = 0
        for (let count = 0; count < 30; count++) writer.line(`line ${count}`)
        expect(pipe.text).toBe("")
        pipe.room = Number.POSITIVE_INFINITY
        await vi.waitFor(() => expect(pipe.text).toContain("lost"))
        writer.line("after")
        const kept = pipe.text.split("\n").filter((line) => line.startsWith("line"))
        expect(kept).toEqual(kept.map((_, index) => `line ${index}`))
        expect(pipe.text).toMatch(new RegExp(`\\(${30 - kept.length} lost: nobody read the log\\)\nafter\n$`))
    })

    it("does not wait where waiting does not help: a full disk, and room again", () => {
        const pipe = new Pipe()
        const writer = new LogWriter(pipe, { missed })
        pipe.room = 2
        pipe.trouble = "ENOSPC"
        writer.line("one")
        writer.line("two")
        expect(pipe.text).toBe("on")
        pipe.room = Number.POSITIVE_INFINITY
        writer.line("three")
        expect(pipe.text).toBe("on\n(2 lost: ENOSPC)\nthree\n")
    })

    it("close() writes what waits, waits for a reader, and gives up after its time", async () => {
        const [slow, gone] = [new Pipe(), new Pipe()]
        slow.room = 0
        const late = new LogWriter(slow, { missed })
        late.line("last")
        setTimeout(() => (slow.room = 100), 20)
        await late.close(10_000)
        expect([slow.text, slow.closed]).toEqual(["last\n", 1])
        gone.room = 0
        const never = new LogWriter(gone, { missed })
        never.line("last")
        await never.close(1)
        await never.close(1)
        never.line("later")
        expect([gone.text, gone.closed]).toEqual(["", 1])
    })

    it("whatever room there is: each line is written once, in order and whole, or counted", async () => {
        let gaps = 0
        const step = fc.oneof(
            { weight: 3, arbitrary: fc.record({ line: fc.integer({ min: 1, max: 60 }) }) },
            fc.record({ room: fc.oneof(fc.constant(0), fc.nat(80), fc.nat(80), fc.constant(1000)) }),
            fc.record({ trouble: fc.boolean() }),
        )
        await fc.assert(
            fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
                const pipe = new Pipe()
                const writer = new LogWriter(pipe, { missed, room: 200 })
                let said = 0
                for (const next of steps) {
                    if ("room" in next) pipe.room = next.room
                    else if ("trouble" in next) pipe.trouble = next.trouble ? "EIO" : null
                    else writer.line(`${said++} ${"x".repeat(next.line)}.`)
                }
                pipe.room = Number.POSITIVE_INFINITY
                writer.line(`${said++} end.`)
                await writer.close(10_000)
                let at = 0
                for (const line of pipe.text.trimEnd().split("\n")) {
                    const [, lost] = /^\((\d+) lost: .*\)$/.exec(line) ?? []
                    if (lost !== undefined) {
                        gaps++
                        at += Number(lost)
                    } else if (/^\d+ x*( ?end)?\.$/.test(line)) {
                        expect(line).toMatch(new RegExp(`^${at} `))
                        at++
                    } else {
                        // The beginning of one that is counted as lost; the notice of a loss can break off, too.
                        expect(line).not.toMatch(/\.$/)
                    }
                }
                expect(at).toBe(said)
            }),
            { numRuns: 300 },
        )
        expect(gaps).toBeGreaterThan(50)
    })
})
