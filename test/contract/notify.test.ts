/** The notifier port: the protocol of sd_notify(3), told to a real socket, and the model that keeps it. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { memoryNotifier } from "../../src/adapters/notify/memory.ts"
import { systemdNotifier } from "../../src/adapters/notify/systemd.ts"
import type { Notifier } from "../../src/ports/notifier.ts"
import { listenAsManager, type Manager } from "../lab/manager.ts"

let scratch: string
let manager: Manager
const made: Notifier[] = []

function notifier(path = manager.path): Notifier {
    const one = systemdNotifier({ NOTIFY_SOCKET: path }, process.pid)
    made.push(one)
    return one
}

beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "postern-notify-"))
    manager = listenAsManager(join(scratch, "socket"))
})

afterEach(() => {
    for (const one of made.splice(0)) one.close()
    manager.close()
    rmSync(scratch, { recursive: true, force: true })
})

describe.each([
    ["systemd", () => notifier()],
    ["memory", () => memoryNotifier(null)],
    ["systemd, nobody listens", () => notifier("/nowhere/at/all")],
])("Notifier: %s", (_, make) => {
    it("takes whatever is said, also after its end, and never throws", () => {
        const one = make()
        one.tell({ phase: "ready", status: "guarding 1 door" })
        one.tell({})
        one.close()
        one.close()
        one.tell({ alive: true })
    })
})

describe("systemdNotifier()", () => {
    it("says each phase, the status and signs of life as sd_notify(3) has them", () => {
        const one = notifier()
        one.tell({ phase: "ready", status: "two\nlines" })
        one.tell({ alive: true })
        const before = process.hrtime.bigint() / 1000n
        one.tell({ phase: "reloading" })
        const after = process.hrtime.bigint() / 1000n
        one.tell({ phase: "stopping", status: "stopping" })
        const [ready, alive, reloading, stopping] = manager.heard()
        expect([ready, alive, stopping]).toEqual([
            "READY=1\nSTATUS=two lines",
            "WATCHDOG=1",
            "STOPPING=1\nSTATUS=stopping",
        ])
        const moment = BigInt(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading!)![1]!)
        expect([moment >= before, moment <= after]).toEqual([true, true])
    })

    it("finds an abstract name", () => {
        const other = listenAsManager(`@postern-${process.pid}-${Math.random()}`)
        notifier(other.path).tell({ alive: true })
        expect(other.heard()).toEqual(["WATCHDOG=1"])
        other.close()
    })

    it("waits for a listener whose queue is full: nothing is lost but late signs of life", async () => {
        const one = notifier()
        // The kernel queues so many datagrams for a socket (net.unix.max_dgram_qlen).
        for (let count = 0; count < 10_000; count++) one.tell({ alive: true })
        one.tell({ phase: "ready" })
        const queued = manager.heard().length
        expect(queued).toBeLessThan(10_000)
        await vi.waitFor(() => expect(manager.heard()).toContain("READY=1"), { timeout: 10_000 })
        const late = manager.heard().slice(queued)
        // The one that found the queue full waited before the rest did not.
        expect(late).toEqual(["WATCHDOG=1", "READY=1"])
    })

    it.each([
        ["ours", { WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) }, 30_000],
        ["anybody's", { WATCHDOG_USEC: "30000000" }, 30_000],
        ["another process's", { WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, null],
        ["no number", { WATCHDOG_USEC: "soon" }, null],
        ["none", {}, null],
    ])("the watchdog is %s", (_, variables, wanted) => {
        const one = systemdNotifier({ NOTIFY_SOCKET: manager.path, ...variables }, process.pid)
        expect(one.watchdog).toBe(wanted)
        one.close()
    })

    it("takes its variables out of the environment, and nothing else", () => {
        const env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1", PATH: "/bin" }
        systemdNotifier(env, process.pid).close()
        expect(env).toEqual({ PATH: "/bin" })
    })

    it.each([["vsock:2:1234"], [""], ["relative"], [`/${"x".repeat(200)}`]])("is silent for %j", (path) => {
        const one = notifier(path)
        one.tell({ phase: "ready" })
        expect(one.watchdog).toBeNull()
    })
})
