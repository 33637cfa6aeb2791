/** The directory `state`, that is there, that is not, and that comes late: on a real disk. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { JOURNAL } from "../../../src/adapters/store/journal.ts"
import { EVERYTHING } from "../../../src/core/audit/filter.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { tryAgain } from "../../../src/daemon/again.ts"
import { openState } from "../../../src/daemon/state.ts"
import type { Audit } from "../../../src/ports/audit.ts"
import { config } from "../core/world.ts"

const NOW = 1_700_000_000_000
const ssh = { name: "ssh", opens: ["tcp/22"], hits: ["1", "2"] }
const wake = {
    name: "wake",
    hits: ["3", "4"],
    command: { start: ["/bin/true"], stop: ["/bin/true"], after: 1000, timeout: 1000 },
}
const stopOf = { door: "wake", source: parseAddress("192.0.2.7")! }

let scratch: string
let path: string
const closing: (() => Promise<void>)[] = []

beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), "postern-state-"))
    path = join(scratch, "state")
})
afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
    rmSync(scratch, { recursive: true, force: true })
})

/** Opens it for these doors. */
async function open(doors: Parameters<typeof config>[0], audit = true) {
    const lines: string[] = []
    let backs = 0
    const keeping = {
        now: () => NOW,
        log: (level: string, text: string) => void lines.push(`${level} ${text.replaceAll(path, "DIR")}`),
        back: () => backs++,
        retry: 5,
    }
    const state = await openState(config(doors, { state: path, audit }), keeping)
    if (state.ok) closing.push(state.close)
    return { state, lines, backs: () => backs }
}

/** The same, where that is no second daemon. */
async function opened(...of: Parameters<typeof open>) {
    const { state, ...rest } = await open(...of)
    if (!state.ok) throw new Error(state.detail)
    return { ...state, ...rest }
}

/** Waits until this holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 20_000; !(await holds()); ) {
        if (Date.now() > end) throw new Error("it never came")
        await new Promise((resolve) => setTimeout(resolve, 1))
    }
}

const kinds = async (audit: Audit | null) =>
    (await audit!.read({ after: 0, last: null, filter: EVERYTHING })).entries.map(({ what }) => what)

describe("openState()", () => {
    it("touches nothing where nothing is wanted", async () => {
        const { store, audit, lines } = await opened([ssh], false)
        expect([store, audit, lines, existsSync(path)]).toEqual([null, null, [], false])
    })

    it("opens a trail alone, and the journal when a configuration comes to need it, once", async () => {
        const { store, audit, need } = await opened([ssh])
        expect([store, audit?.health().trouble, existsSync(join(path, JOURNAL))]).toEqual([null, null, false])
        expect(await need(config([ssh]))).toEqual({ ok: true, store: null, journal: null })
        const needed = await need(config([wake]))
        expect(needed).toMatchObject({ ok: true, journal: { what: "journal", found: "new" } })
        expect(needed.ok && (await needed.store?.note(stopOf, 5))).toMatchObject({ ok: true })
    })

    it("looks at a journal that an earlier configuration has left", async () => {
        const first = await opened([wake])
        await first.store?.note(stopOf, 5)
        await first.close()
        expect((await opened([ssh], false)).store?.pending()).toHaveLength(1)
    })

    it("goes on without a journal that no door needs, and keeps the trail", async () => {
        mkdirSync(join(path, JOURNAL), { recursive: true, mode: 0o700 })
        chmodSync(path, 0o700)
        const { store, audit, lines } = await opened([ssh])
        expect([store, audit?.health().trouble]).toEqual([null, null])
        expect(lines).toEqual([
            expect.stringMatching(/^warning state: the journal in DIR cannot be used: .*: no door needs it now$/),
        ])
    })

    it("refuses to be the second daemon where a door needs the journal, and waits for the first where none does", async () => {
        const first = await opened([wake])
        expect((await open([wake])).state).toEqual({
            ok: false,
            detail: `state: ${path} cannot be used: another process has it`,
        })
        const { audit, lines } = await opened([ssh])
        audit?.write({ what: "stopped", signal: "SIGTERM" })
        expect(audit?.health()).toMatchObject({ waiting: 1, trouble: "another process has it" })
        expect(lines).toContain("warning audit: DIR cannot be used: another process has it: entries wait")
        await first.close()
        await until(async () => audit?.health().trouble === null && (await kinds(audit)).includes("stopped"))
        expect(lines.at(-1)).toBe("notice audit: DIR can be used now: entries are written")
    })

    it("has both when the directory comes, and loses nothing of what was to be written down until then", async () => {
        const first = await opened([wake])
        await first.store?.note(stopOf, 5)
        await first.close()
        renameSync(path, `${path}.aside`)
        writeFileSync(path, "not a directory")
        const { store, audit, lines, backs } = await opened([wake])
        audit?.write({ what: "stopped", signal: "SIGTERM" })
        expect(await store?.note(stopOf, 6)).toMatchObject({ ok: false, code: "failed" })
        expect([store?.pending(), store?.health().why, backs()]).toEqual([[], "away", 0])
        expect(lines).toEqual([
            expect.stringMatching(/^warning audit: DIR cannot be used: .*: entries wait$/),
            expect.stringMatching(
                /^error state: DIR cannot be used: .*: doors open without the programs that need it$/,
            ),
        ])
        rmSync(path)
        renameSync(`${path}.aside`, path)
        await until(async () => backs() === 1 && audit?.health().trouble === null)
        expect(store?.pending()).toEqual([{ ...stopOf, due: 5 }])
        await until(async () => (await kinds(audit)).includes("stopped"))
        expect(lines).toContain("notice state: DIR can be used now: programs of all doors run")
    })
})

describe("tryAgain()", () => {
    it("tries until it is done, and no more", async () => {
        let tries = 0
        const { stop } = tryAgain(() => Promise.resolve(++tries === 3), 1)
        await until(() => tries === 3)
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(tries).toBe(3)
        await stop()
    })

    it("stops after the try that is under way", async () => {
        let tries = 0
        let go: ((done: boolean) => void) | undefined
        const { stop } = tryAgain(() => {
            tries++
            return new Promise((resolve) => {
                go = resolve
            })
        }, 1)
        await until(() => tries === 1)
        let stopped = false
        const ended = stop().then(() => (stopped = true))
        await new Promise(setImmediate)
        expect(stopped).toBe(false)
        go?.(false)
        await ended
        await new Promise((resolve) => setTimeout(resolve, 20))
        expect(tries).toBe(1)
    })
})
