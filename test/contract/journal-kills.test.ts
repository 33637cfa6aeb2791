/**
 * A journal in a process of its own that is killed, at every change of the disk and at any moment: nothing that was
 * answered `ok` is ever lost, and nothing that was used is ever accepted again.
 */
import { spawn } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { openJournal } from "../../src/adapters/store/journal.ts"
import type { StoreResult } from "../../src/ports/store.ts"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"

const NOW = 1_700_000_000_000
/** After the journal was made. */
const LATER = NOW + 3_600_000

let directory: string
let worker: Bundled

beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "postern-journal-"))
    chmodSync(directory, 0o700)
    worker = bundleWorker("store-worker")
})
afterAll(() => {
    worker?.remove()
    rmSync(directory, { recursive: true, force: true })
})

const codes = async (...results: Promise<StoreResult>[]) =>
    (await Promise.all(results)).map((result) => (result.ok ? "ok" : result.code))

/** Runs the loop in this directory until it is dead; returns the lines that it printed. */
function loop(where: string, diesAt: number, killAfter: number): Promise<string[]> {
    return new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [worker.file, where, "loop", String(diesAt)], {
            stdio: ["ignore", "pipe", "inherit"],
        })
        let printed = ""
        let lines = 0
        child.stdout.setEncoding("utf8").on("data", (text: string) => {
            printed += text
            lines += text.split("\n").length - 1
            if (lines >= killAfter) child.kill("SIGKILL")
        })
        child.once("error", reject)
        child.once("close", (_, signal) => {
            if (signal !== "SIGKILL") reject(new Error(`it ended by itself:\n${printed}`))
            // What it did not finish to print it did not tell.
            else resolve(printed.split("\n").slice(0, -1))
        })
    })
}

it("loses nothing and accepts nothing twice over 420 times SIGKILL, at every change of the disk and at any moment", async () => {
    const [KILLS, OF_ONE] = [420, 42]
    let [total, next, kills] = [0, 0, 0]
    const found = { new: 0, whole: 0, torn: 0, damaged: 0 }
    /** A journal's own kills: all that was ever claimed of it is claimed again after each. */
    const live = async (from: number) => {
        const where = join(directory, String(from))
        const claims = new Set<string>()
        let count = 0
        for (let round = from; round < from + OF_ONE; round++) {
            const byItself = round % 2 === 0
            const lines = await loop(where, byItself ? 1 + round / 2 : 0, byItself ? 1e9 : 1 + ((round * 37) % 400))
            kills++
            let due: string | null | undefined
            for (const line of lines) {
                const [what, value = ""] = line.split(" ")
                if (what === "claim") claims.add(value)
                if (what === "count") count = Math.max(count, Number(value))
                if (what === "note") due = value
            }
            const opening = await openJournal(where, () => NOW)
            if (!opening.ok) throw new Error(opening.detail)
            found[opening.found]++
            const { store } = opening
            const results = await codes(...[...claims].map((id) => store.claim(id, LATER, LATER)))
            expect(results.filter((result) => result !== "used")).toEqual([])
            if (count > 0) expect(await codes(store.raise("counter", count, LATER))).toEqual(["used"])
            const stored = store.pending()[0]?.due ?? null
            // The note may be later than what was answered, never earlier; a struck one may be there anew.
            if (due !== undefined && due !== "null" && stored !== null)
                expect(stored).toBeGreaterThanOrEqual(Number(due))
            await store.close()
        }
        total += claims.size
    }
    // Two journals at a time, one for each of two processors.
    const lives = async () => {
        for (let from = next; from < KILLS; from = next) {
            next += OF_ONE
            await live(from)
        }
    }
    await Promise.all([lives(), lives()])
    expect(kills).toBe(KILLS)
    expect(found.damaged).toBe(0)
    expect(found.whole + found.torn).toBeGreaterThan(360)
    expect(total).toBeGreaterThan(1000)
    account(
        `kill -9 of a journal: ${kills}; found whole ${found.whole} times, torn ${found.torn}, damaged ${found.damaged}; ${total} claims, none taken twice`,
    )
}, 480_000)
