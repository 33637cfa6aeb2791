/** Publication, killed at each of its steps: the web root holds whole files at any time, and the next start mends the rest. */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parseSigned } from "../../src/core/one-time/bundle.ts"
import { fileKindOf, parseRecipient, type Recipient } from "../../src/core/one-time/recipient.ts"
import { type ThreadSealer, threadSealer } from "../../src/daemon/one-time/sealing.ts"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"
import { bundleIn, decrypted, gatewayFolder, type Reader, reader } from "../lab/publication.ts"

let worker: Bundled
let thread: Bundled
beforeAll(() => {
    worker = bundleWorker("publish-worker")
    thread = bundleWorker("../../src/daemon/one-time/sealing-worker")
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

const start = (idle?: number) => threadSealer(pathToFileURL(thread.file), idle)

describe("threadSealer()", () => {
    const text = new TextEncoder().encode("postern-bundle 1\n")
    const seal = (sealer: ThreadSealer, recipient: Recipient) =>
        sealer.seal(text, fileKindOf(recipient.kind), [recipient], Date.now())

    it("seals what its knocker alone reads, many at once, and begins anew after a rest", async () => {
        const { identity, recipient } = await reader("anna")
        const read = parseRecipient(recipient)
        if (!read.ok || read.found !== "key") throw new Error("no key")
        const sealer = start(1)
        for (let round = 0; round < 2; round++) {
            const sealed = await Promise.all(Array.from({ length: 20 }, () => seal(sealer, read.value)))
            for (const one of sealed) {
                if (!one.ok) throw new Error(one.detail)
                expect(await decrypted(Buffer.from(one.file).toString("latin1"), identity)).toContain(
                    "postern-bundle 1",
                )
            }
            expect(sealed).toHaveLength(20)
        }
        await sealer.stop()
    })

    it("tells which recipient cannot receive, throws on what is our mistake, and lets nobody wait at its end", async () => {
        const sealer = start()
        const certificate = { kind: "openpgp", line: "openpgp 00", text: "none", comment: "" } as const
        expect(await seal(sealer, certificate)).toMatchObject({ ok: false, line: "openpgp 00" })
        await expect(sealer.seal(text, "age", [], 0)).rejects.toThrow("not all of them")
        const waiting = expect(seal(sealer, certificate)).rejects.toThrow("the daemon stops")
        await sealer.stop()
        await waiting
        await sealer.stop()
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
            expect(changes).toBeGreaterThan(30)
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
            expect(killed).toBeGreaterThan(6)
            account(`publication killed at ${killed} of ${changes} steps: no file was cut, none was lost`)
        } finally {
            rmSync(folder, { recursive: true, force: true })
        }
    })
})
