import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { KEYS_FILE, readKeys, writeKeys } from "../../../src/adapters/gateway-keys/file.ts"
import { firstKeys } from "../../../src/core/one-time/gateway-keys.ts"

let folder = ""
const keys = firstKeys(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), Date.UTC(2026, 4, 1))
const file = () => join(folder, KEYS_FILE)

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-keys-"))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe("writeKeys() and readKeys()", () => {
    it("keep the keys for their owner alone", async () => {
        expect(readKeys(folder)).toMatchObject({ ok: false, why: "missing" })
        await writeKeys(folder, keys)
        expect(statSync(file()).mode & 0o777).toBe(0o600)
        expect(readKeys(folder)).toEqual({ ok: true, keys })
    })

    it("leave another user's alone, who could not read what root writes", async (ctx) => {
        ctx.skip(process.geteuid!() !== 0, "needs root, to give a directory away")
        await writeKeys(folder, keys)
        chownSync(folder, 65_534, 65_534)
        expect(readKeys(folder)).toMatchObject({ why: "unusable", detail: expect.stringContaining("another user") })
        chownSync(folder, 0, 0)
        expect(readKeys(folder)).toEqual({ ok: true, keys })
    })

    it("leave the old keys whole, and nothing else, wherever writing fails", async () => {
        await writeKeys(folder, keys)
        const steps: string[] = []
        await writeKeys(folder, keys, (what) => void steps.push(what))
        expect(steps).toEqual(["create", "write", "sync", "rename", "names"])
        for (const step of steps.slice(0, -1)) {
            const other = firstKeys(new Uint8Array(32), new Uint8Array(32), 0)
            const failing = writeKeys(folder, other, (what) => {
                if (what === step) throw new Error("no room")
            })
            await expect(failing, step).rejects.toThrow("no room")
            expect(readKeys(folder), step).toEqual({ ok: true, keys })
            expect(readdirSync(folder), step).toEqual([KEYS_FILE])
        }
    })

    it("refuse a file that is damaged, that others can read, or that is none, and never replace it", async () => {
        await writeKeys(folder, keys)
        const text = readFileSync(file(), "latin1")
        chmodSync(file(), 0o640)
        expect(readKeys(folder)).toMatchObject({ why: "unusable", detail: expect.stringContaining("chmod 600") })
        chmodSync(file(), 0o600)
        for (const other of [text.slice(0, -2), "", "x".repeat(5000), "postern-gateway-keys 9\n"]) {
            writeFileSync(file(), other)
            const found = readKeys(folder)
            expect(found).toMatchObject({ ok: false, why: "unusable" })
            expect(JSON.stringify(found)).not.toContain("0202")
        }
    })
})
