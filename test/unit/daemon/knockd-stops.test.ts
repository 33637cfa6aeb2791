import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { systemClock } from "../../../src/adapters/clock/system.ts"
import { GATEWAY } from "../../../src/core/config/defaults.ts"
import { readKnockdConf } from "../../../src/core/knockd/conf.ts"
import { doorsOf } from "../../../src/core/knockd/doors.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { keepStops } from "../../../src/daemon/knockd/stops.ts"

let folder: string
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-stops-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Opens what is there; what was told, and the stops that are known. */
async function opened() {
    const reading = readKnockdConf("[d]\nsequence = 1\ncommand = x\nstop_command = y\n", new Map())
    if (!reading.ok) throw new Error("refused")
    const told: string[] = []
    const doors = doorsOf(reading.conf).map(({ door }) => door)
    const { store, close } = await keepStops(
        { gateway: { ...GATEWAY, state: folder, audit: false }, doors, hooks: [], bundles: null, hide: [] },
        { clock: systemClock(), log: () => {}, tell: (line) => told.push(line), back: () => {} },
    )
    return { store: store!, close, told }
}

describe("keepStops()", () => {
    it.each([
        ["random bytes", Buffer.alloc(2000, 0xa5)],
        ["nothing", Buffer.alloc(0)],
    ])("says that stops may be lost where the journal has become %s", async (_, bytes) => {
        const first = await opened()
        expect(first.told).toEqual([])
        await first.store.note({ door: "d", source: parseAddress("192.0.2.1")! }, 1)
        await first.close()
        const again = await opened()
        expect([again.told, again.store.pending().length]).toEqual([[], 1])
        await again.close()
        writeFileSync(join(folder, "journal"), bytes)
        const damaged = await opened()
        expect(damaged.told).toEqual([expect.stringContaining("may be lost, for the journal was damaged")])
        await damaged.close()
    })
})
