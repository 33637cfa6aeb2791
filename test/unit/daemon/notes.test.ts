import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { memoryStore } from "../../../src/adapters/store/memory.ts"
import type { Config } from "../../../src/core/config/config.ts"
import { formatAddress, parseAddress } from "../../../src/core/net/address.ts"
import type { StopNote } from "../../../src/core/store/record.ts"
import type { Store, StoreResult } from "../../../src/ports/store.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const HITS = ["7000", "8000:udp", "9000"]
const me = "192.0.2.7"
const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 5000, timeout: 1000 }
const wake = { name: "wake", hits: HITS, command }

/** Lets everything happen that waits for a turn of its own. */
async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await setImmediate()
}

/** A daemon that has just begun on this store; its clock stands at the same time as that of the one before. */
function daemon(store: Store, of: Config = config([wake])) {
    const gate = makeGate(of, () => ({ store, firewall: null }))
    gate.loop.start()
    const wall = Date.UTC(2024, 0, 1)
    return {
        ...gate,
        /** What is noted, and in how many milliseconds it is due. */
        notes: () =>
            store
                .pending()
                .map(
                    ({ door, source, due }) =>
                        `${door} ${formatAddress(source)} ${due - wall - gate.clock.monotonic()}`,
                ),
        programs: () => gate.running.map(({ job }) => job.argv[0]),
        async end(code = 0): Promise<void> {
            gate.running[0]!.end({ ended: "exit", code })
            await settle()
        },
    }
}

const store = () => memoryStore(() => Date.UTC(2024, 0, 1))
const broken: StoreResult = { ok: false, code: "failed", detail: "ENOSPC: no space left on device" }

describe("Loop, with a store", () => {
    it("notes a stop before its start begins, moves it with renewals, and strikes it when it has run", async () => {
        const gate = daemon(store())
        gate.knock(me, HITS)
        expect(gate.programs()).toEqual([])
        await settle()
        expect(gate.notes()).toEqual([`wake ${me} 4990`])
        expect(gate.programs()).toEqual(["/bin/start"])
        gate.clock.advance(700)
        await gate.end()
        expect(gate.notes()).toEqual([`wake ${me} 5000`])
        gate.clock.advance(3000)
        gate.knock(me, HITS)
        await settle()
        expect(gate.notes()).toEqual([`wake ${me} 4990`])
        gate.clock.advance(4990)
        await settle()
        expect(gate.programs()).toEqual(["/bin/stop"])
        expect(gate.notes()).toEqual([`wake ${me} 0`])
        await gate.end(1)
        expect(gate.notes()).toEqual([])
        gate.knock(me, HITS)
        await settle()
        expect(gate.programs()).toEqual([])
        gate.clock.advance(1000)
        await settle()
        expect(gate.programs()).toEqual(["/bin/start"])
    })

    it("begins no start whose stop cannot be noted, says why, and the next knock works", async () => {
        const kept = store()
        const disk = { ...kept, note: () => Promise.resolve(broken) }
        const gate = daemon(disk)
        gate.knock(me, HITS)
        await settle()
        expect(gate.programs()).toEqual([])
        expect(gate.said()).toContain(
            `error wake: ${me}: start was not run: cannot note its stop: ENOSPC: no space left on device`,
        )
        expect(gate.loop.standing.facts().leases).toEqual([])
        Object.assign(disk, kept)
        gate.knock(me, HITS)
        await settle()
        expect(gate.programs()).toEqual(["/bin/start"])
    })

    it("says when a renewal could not be noted, and stops as it should", async () => {
        const disk = { ...store() }
        const gate = daemon(disk)
        gate.knock(me, HITS)
        await settle()
        disk.note = () => Promise.resolve(broken)
        await gate.end()
        expect(gate.said()).toContain(`error wake: ${me}: cannot note when to run stop: ${broken.detail}`)
        gate.clock.advance(5000)
        await settle()
        expect(gate.programs()).toEqual(["/bin/stop"])
    })

    it("strikes what a broken disk has refused to strike, as soon as it takes a note, and at the end", async () => {
        const kept = store()
        const disk = { ...kept }
        const gate = daemon(disk)
        const works = (yes: boolean) => {
            disk.note = (stop, due) => (yes ? kept.note(stop, due) : Promise.resolve(broken))
        }
        const run = async (source: string) => {
            works(true)
            gate.knock(source, HITS)
            await settle()
            await gate.end()
            works(false)
            gate.clock.advance(5000)
            await settle()
            await gate.end()
            expect(gate.notes()).toHaveLength(1)
        }
        await run(me)
        // Refused as well, and no reason to forget the other one.
        gate.clock.advance(1000)
        gate.knock(me, HITS)
        await settle()
        expect(gate.said().filter((line) => line.includes("cannot note"))).toEqual([
            `error wake: ${me}: cannot note when to run stop: ${broken.detail}`,
            `error wake: ${me}: start was not run: cannot note its stop: ${broken.detail}`,
        ])
        works(true)
        gate.knock("192.0.2.8", HITS)
        await settle()
        expect(gate.notes()).toEqual(["wake 192.0.2.8 4990"])
        await gate.end()
        gate.clock.advance(5000)
        await settle()
        await gate.end()
        expect(gate.notes()).toEqual([])
        await run("192.0.2.9")
        works(true)
        await gate.loop.stop()
        await settle()
        expect(gate.notes()).toEqual([])
    })

    it("does not note what has no stop", async () => {
        const gate = daemon(store(), config([{ ...wake, command: { ...command, stop: null } }]))
        gate.knock(me, HITS)
        await settle()
        expect(gate.programs()).toEqual(["/bin/start"])
        expect(gate.notes()).toEqual([])
    })

    it("goes on where an earlier daemon has died: what was due runs at once, the rest on time, each once", async () => {
        const kept = store()
        const wall = Date.UTC(2024, 0, 1)
        await kept.note({ door: "wake", source: parseAddress(me)! }, wall - 60_000)
        await kept.note({ door: "wake", source: parseAddress("192.0.2.8")! }, wall + 1000 + 2000)
        // The clock was ahead when this was noted: no longer than the door says.
        await kept.note({ door: "wake", source: parseAddress("192.0.2.9")! }, wall + 86_400_000)
        const gate = daemon(kept)
        gate.clock.advance(0)
        await settle()
        expect(gate.said().filter((line) => line.includes("running"))).toEqual([
            `info wake: ${me}: running stop: /bin/stop`,
        ])
        await gate.end()
        gate.clock.advance(2000)
        await settle()
        expect(gate.said()).toEqual(["info wake: 192.0.2.8: running stop: /bin/stop"])
        await gate.end()
        gate.clock.advance(3000)
        await settle()
        expect(gate.said()).toEqual(["info wake: 192.0.2.9: running stop: /bin/stop"])
        await gate.end()
        expect(gate.notes()).toEqual([])
        gate.clock.advance(60_000)
        expect(gate.programs()).toEqual([])
    })

    it("takes over what an earlier daemon has left as soon as the store can be used, also from who knocks just then", async () => {
        const kept = store()
        const wall = Date.UTC(2024, 0, 1)
        for (const source of [me, "192.0.2.8"]) await kept.note({ door: "wake", source: parseAddress(source)! }, wall)
        const disk = { ...kept, note: () => Promise.resolve(broken), pending: (): readonly StopNote[] => [] }
        const gate = daemon(disk)
        gate.knock(me, HITS)
        await settle()
        expect([gate.programs(), gate.loop.standing.facts().leases]).toEqual([[], []])
        // The answer that it could not be noted is under way when the store comes.
        gate.clock.advance(1000)
        gate.knock(me, HITS)
        Object.assign(disk, kept)
        gate.loop.finish()
        await settle()
        gate.clock.advance(0)
        await settle()
        expect(gate.programs()).toEqual(["/bin/stop", "/bin/stop"])
        await gate.end()
        await gate.end()
        expect(kept.pending()).toEqual([])
        await gate.loop.stop()
        await kept.note({ door: "wake", source: parseAddress(me)! }, wall)
        gate.loop.finish()
        expect(gate.loop.standing.facts().leases.filter(({ errand }) => errand.phase === "started")).toEqual([])
    })

    it("tells of stops that no door can run any more, once", async () => {
        const kept = store()
        await kept.note({ door: "gone", source: parseAddress("2001:db8::7")! }, 1)
        await kept.note({ door: "wake", source: parseAddress(me)! }, 1)
        const of = config([{ ...wake, command: { ...command, stop: null } }])
        expect(daemon(kept, of).said()).toEqual([
            "error gone: 2001:db8::7: stop was not run: there is no such door any more: undo by hand what its start has done",
            `error wake: ${me}: stop was not run: the door has no \`stop\` any more: undo by hand what its start has done`,
        ])
        await settle()
        const again = daemon(kept, of)
        expect(again.said()).toEqual([])
        expect(again.notes()).toEqual([])
    })

    it("leaves to the next daemon what it has not stopped itself, a stop that it had to end among it", async () => {
        const kept = store()
        const gate = daemon(kept)
        gate.knock(me, HITS)
        await settle()
        await gate.end()
        gate.knock("192.0.2.8", HITS)
        await settle()
        gate.clock.advance(5000)
        await settle()
        expect(gate.programs()).toEqual(["/bin/start", "/bin/stop"])
        await gate.loop.stop()
        await settle()
        expect(
            kept
                .pending()
                .map(({ source }) => formatAddress(source))
                .sort(),
        ).toEqual([me, "192.0.2.8"])
    })

    it("begins nothing, and leaves nothing to be stopped, when it ends before the note is there", async () => {
        const kept = store()
        const gate = daemon(kept)
        gate.knock(me, HITS)
        await gate.loop.stop()
        await settle()
        expect(gate.programs()).toEqual([])
        expect(kept.pending()).toEqual([])
    })
})
