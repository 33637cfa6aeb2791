import { describe, expect, it } from "vitest"
import { memoryCommands } from "../../../src/adapters/commands/memory.ts"
import { BeginAndEnd } from "../../../src/daemon/knockd/begin-and-end.ts"
import type { CommandOutcome } from "../../../src/ports/commands.ts"

/** With commands that end so, or not by themselves. */
function begun(outcome: CommandOutcome | null) {
    const told: string[] = []
    const complaints: string[] = []
    const run: string[] = []
    const made = new BeginAndEnd(
        (room) =>
            memoryCommands(({ job, end }) => {
                run.push(`${job.argv.join(" ")} (${job.timeout} ms)`)
                if (outcome !== null) end(outcome)
            }, room),
        (...lines) => told.push(...lines),
        (line) => complaints.push(line),
    )
    return { made, told, complaints, run }
}

describe("BeginAndEnd.run()", () => {
    it("runs a command by the shell, says so, and is done when that has ended", async () => {
        const { made, told, complaints, run } = begun({ ended: "exit", code: 0 })
        await made.run("on_start", "echo %IP% {source}")
        await made.run("on_stop", "x")
        expect(run).toEqual(["/bin/sh -c echo %IP% {source} (30000 ms)", "/bin/sh -c x (10000 ms)"])
        expect(told).toEqual(["on_start: running command: echo %IP% {source}", "", "on_stop: running command: x", ""])
        expect(complaints).toEqual([])
    })

    it("runs nothing where there is nothing", async () => {
        const { made, told, run } = begun(null)
        await made.run("on_start", null)
        await made.run("on_stop", "")
        expect([told, run]).toEqual([[], []])
    })

    it.each([
        [{ ended: "exit", code: 3 }, ["on_stop: command returned non-zero status code (3)"]],
        [{ ended: "signal", signal: "SIGKILL" }, ["on_stop: command was ended by SIGKILL"]],
        [{ ended: "timeout" }, ["on_stop: command took too long and was ended"]],
        [{ ended: "error", detail: "no memory" }, ["error: command fork failed!", "on_stop: no memory"]],
    ] as const)("tells and complains of %j, and goes on", async (outcome, wanted) => {
        const { made, told, complaints } = begun(outcome)
        await made.run("on_stop", "x")
        expect(told.slice(2)).toEqual(wanted)
        expect(complaints).toEqual(wanted)
    })

    it("ends it when there is no more use for it", async () => {
        const { made, told } = begun(null)
        await made.run("on_start", "sleep 60", Promise.resolve())
        expect(told.at(-1)).toBe("on_start: command was ended by SIGTERM")
    })
})
