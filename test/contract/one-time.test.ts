/**
 * Claims of one-time sequences across SIGKILL, at each use of a port from the start of the daemon to what follows the opening: disk,
 * journal, desk, firewall, publisher. No sequence ever opens twice, and none is lost that nobody has used.
 */
import { spawn } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"
import { collectLines } from "../lab/lines.ts"

let bundle: Bundled
const directories: string[] = []

beforeAll(() => {
    bundle = bundleWorker("mortal-desk")
})
afterAll(() => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
    bundle?.remove()
})

function directory(): string {
    const made = mkdtempSync(join(tmpdir(), "postern-one-time-"))
    chmodSync(made, 0o700)
    directories.push(made)
    return made
}

/** Lives of one gateway. */
class Lives {
    readonly #state = directory()
    /** How often each sequence has opened the door. */
    readonly opened = new Map<string, number>()
    /** Sequences that were knocked, the latest last. */
    readonly #knocked: string[] = []
    /** The uses of ports at which one died. */
    readonly deaths = new Set<string>()
    #life = 0
    #first = 0

    /** One life that dies at this moment; 0: at none. How many moments it had; null: it died. */
    async live(at: number): Promise<number | null> {
        const life = ++this.#life
        const argv = [bundle.file, this.#state, String(at), String(life), this.#knocked.slice(-2).join()]
        const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] })
        const [lines, errors] = [collectLines(child, child.stdout), collectLines(child, child.stderr)]
        const late = setTimeout(() => child.kill("SIGTERM"), 20_000)
        await new Promise((resolve) => child.once("close", resolve))
        clearTimeout(late)
        expect(errors.all.join("\n")).toBe("")
        const knocks = new Map<string, string>()
        let moments: number | null = null
        let died: string | null = null
        for (const line of lines.all) {
            const [what = "", one = "", ...more] = line.split(" ")
            if (what === "error") throw new Error(line)
            if (what === "knocks") {
                knocks.set(one, more[0]!)
                this.#knocked.push(more[0]!)
            }
            if (what === "grant") {
                const hits = knocks.get(one)!
                this.opened.set(hits, (this.opened.get(hits) ?? 0) + 1)
            }
            if (what === "first") {
                const first = Number(one)
                // A life uses up one, or the claim of the one before was durable and it never came to open.
                expect(first - this.#first).toBeGreaterThanOrEqual(0)
                expect(first - this.#first).toBeLessThanOrEqual(2)
                this.#first = first
            }
            if (what === "moments") moments = Number(one)
            if (what === "died") died = [one, ...more].join(" ")
        }
        expect(moments === null).toBe(died !== null)
        if (died !== null) this.deaths.add(died)
        for (const [hits, times] of this.opened) expect([hits, times]).toEqual([hits, 1])
        return moments
    }
}

describe("one-time sequences of a gateway that is killed", () => {
    it("at each use of a port: none opens twice, and each life opens by the next one", async () => {
        // Two gateways, one of which dies at the odd moments and one at the even ones, both at once.
        const lanes = await Promise.all(
            [1, 2].map(async (first) => {
                const lives = new Lives()
                // From the third life on all lives have the same moments: two sequences of earlier ones are knocked again.
                for (let life = 0; life < 2; life++) expect(await lives.live(0)).not.toBeNull()
                let at = first
                while ((await lives.live(at)) === null) at += 2
                return { lives, died: (at - first) / 2 }
            }),
        )
        const deaths = new Set(lanes.flatMap(({ lives }) => [...lives.deaths]))
        const opened = lanes.reduce((sum, { lives }) => sum + lives.opened.size, 0)
        const died = lanes.reduce((sum, lane) => sum + lane.died, 0)
        account(
            `${died} times SIGKILL from the start to what follows a one-time knock, at ${deaths.size} different uses of ports; ${opened} sequences opened, none twice`,
        )
        expect(opened).toBeGreaterThan(4)
        for (const use of [
            "before store.raise",
            "after answer of store.raise",
            "before firewall.grant",
            "after firewall.grant",
            "after publisher",
        ])
            expect(
                [...deaths].some((one) => one.startsWith(use)),
                use,
            ).toBe(true)
    }, 240_000)

    it("while the first master is made: the next life makes or has one, and opens", async () => {
        // The first moments are those of journal and master.
        await Promise.all(
            [0, 1].map(async (lane) => {
                for (let at = 1 + lane * 3; at <= 30; at += 6) {
                    const lives = new Lives()
                    await lives.live(at)
                    expect(await lives.live(0)).not.toBeNull()
                    expect(lives.opened.size).toBeGreaterThan(0)
                }
            }),
        )
    }, 240_000)
})
