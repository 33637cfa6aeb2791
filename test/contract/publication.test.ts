/** Publication, killed at each of its steps: the web root holds whole files at any time, and the next start mends the rest. */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { generateSigningKey } from "../../src/adapters/sealing/sign.ts"
import { parseSigned } from "../../src/core/one-time/bundle.ts"
import { fileKindOf, parseRecipient, type Recipient } from "../../src/core/one-time/recipient.ts"
import type { Sheet } from "../../src/daemon/one-time/press.ts"
import { threadPress } from "../../src/daemon/one-time/press-thread.ts"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"
import { bundleIn, decrypted, gatewayFolder, type Reader, reader } from "../lab/publication.ts"

let worker: Bundled
let thread: Bundled
beforeAll(() => {
    worker = bundleWorker("publish-worker")
    thread = bundleWorker("../../src/daemon/one-time/press-worker")
})
afterAll(() => {
    worker.remove()
    thread.remove()
})

const counterOf = (text: string) => {
    const read = parseSigned(text)
    if (!read.ok) throw new Error(`${read.code} in line ${read.line}`)
    const { serial, doors } = read.value.bundle
    return { serial, next: doors[0]!.sequences[0]!.counter }
}

const start = (idle?: number) => threadPress(pathToFileURL(thread.file), idle)
const job = (folder: string, sheets: readonly Sheet[]) => ({
    sheets,
    signing: [generateSigningKey()],
    folder,
    changed: 1_700_000_000_000,
    now: Date.now(),
})

describe("threadPress()", () => {
    const text = "postern-bundle 1\n"
    const sheet = (recipient: Recipient): Sheet => ({
        name: "x",
        kind: fileKindOf(recipient.kind),
        text,
        recipients: [recipient],
    })
    const certificate = { kind: "openpgp", line: "openpgp 00", text: "none", comment: "" } as const

    it("writes what its knocker alone reads, many at once, and begins anew after a rest", async () => {
        const folder = gatewayFolder()
        const { identity, recipient } = await reader("anna")
        const read = parseRecipient(recipient)
        if (!read.ok || read.found !== "key") throw new Error("no key")
        const { press, stop } = start(1)
        for (let round = 0; round < 2; round++) {
            const sheets = Array.from({ length: 20 }, () => sheet(read.value))
            const pressed = (await Promise.all([press(job(folder, sheets)), press(job(folder, sheets))])).flat()
            expect(pressed).toHaveLength(40)
            for (const { half, refused } of pressed) {
                expect([half?.startsWith(folder), refused]).toEqual([true, []])
                expect(await decrypted(readFileSync(half!, "latin1"), identity)).toContain(`${text}signature `)
                const { mode, mtimeMs } = statSync(half!)
                expect([mode & 0o777, mtimeMs]).toEqual([0o644, 1_700_000_000_000])
            }
        }
        await stop()
        rmSync(folder, { recursive: true })
    })

    it("tells which key cannot receive, throws what is wrong with a disk, and lets nobody wait at its end", async () => {
        const folder = gatewayFolder()
        const { press, stop } = start()
        expect(await press(job(folder, [sheet(certificate)]))).toMatchObject([
            { name: "x", half: null, refused: [{ line: "openpgp 00" }] },
        ])
        const { recipient } = await reader("anna")
        const read = parseRecipient(recipient)
        if (!read.ok || read.found !== "key") throw new Error("no key")
        await expect(press(job(join(folder, "away"), [sheet(read.value)]))).rejects.toThrow("ENOENT")
        const waiting = expect(press(job(folder, [sheet(certificate)]))).rejects.toThrow("the daemon stops")
        await stop()
        await waiting
        await stop()
        rmSync(folder, { recursive: true })
    })
})

describe("Publisher, killed by SIGKILL", () => {
    it("leaves whole files at every step, and publishes what was used once it starts again", async () => {
        const folder = gatewayFolder()
        try {
            const people: Reader[] = [await reader("anna"), await reader("bob")]
            const www = join(folder, "www")
            writeFileSync(
                join(folder, "people"),
                JSON.stringify(people.map(({ name, recipient }) => [name, recipient])),
            )
            writeFileSync(join(folder, "used"), "0")
            const publish = (at: number) => {
                const { status, signal, stdout, stderr } = spawnSync(
                    process.execPath,
                    [worker.file, folder, String(at)],
                    {
                        encoding: "utf8",
                        timeout: 20_000,
                    },
                )
                if (stderr !== "") throw new Error(stderr)
                return { killed: signal === "SIGKILL", ended: status === 0, changes: Number(stdout) }
            }
            const look = async () => Promise.all(people.map(async (one) => counterOf(await bundleIn(www, one))))
            const { changes } = publish(0)
            expect(changes).toBeGreaterThan(25)
            let serial = 0
            let killed = 0
            // Every fifth step: those of the four files are alike, so each kind of step has its turn.
            for (let at = 1; at <= changes; at += 5) {
                const used = Number(readFileSync(join(folder, "used"), "utf8"))
                killed += publish(at).killed ? 1 : 0
                const between = await look()
                // Old or new, each of them whole: nothing that was never used up is left out.
                for (const { next } of between) expect([used, used + 1]).toContain(next)
                expect(readdirSync(www).filter((name) => !name.startsWith(".postern-"))).toHaveLength(4)
                expect(publish(0).ended).toBe(true)
                for (const one of await look()) {
                    expect(one.next).toBe(used + 2)
                    expect(one.serial).toBeGreaterThan(serial)
                }
                serial = (await look())[0]!.serial
                expect(readdirSync(www)).toHaveLength(4)
                expect(readdirSync(join(folder, "state/bundles"))).toHaveLength(4)
            }
            expect(killed).toBeGreaterThan(4)
            account(`publication killed at ${killed} of ${changes} steps: no file was cut, none was lost`)
        } finally {
            rmSync(folder, { recursive: true, force: true })
        }
    })
})
