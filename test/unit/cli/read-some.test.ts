import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readKey } from "../../../src/cli/device/reading.ts"
import { namedProfile, readHits } from "../../../src/cli/knock/profiles.ts"
import { readSome, readText } from "../../../src/cli/read-some.ts"

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "postern-read-"))))
afterAll(() => rmSync(folder, { recursive: true }))

describe("readSome()", () => {
    it("reads a file that has room, to its last byte, and no larger one", () => {
        for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
            const file = join(folder, "file")
            writeFileSync(file, "x".repeat(size))
            const fd = openSync(file, "r")
            expect(readSome(fd, size)).toHaveLength(size)
            closeSync(fd)
            const again = openSync(file, "r")
            if (size > 0) expect(() => readText(again, size - 1)).toThrow(expect.objectContaining({ code: "EFBIG" }))
            closeSync(again)
        }
    })
})

describe("what never ends", () => {
    it("is refused as a key, as a profile and as hits", async () => {
        expect(readKey("/dev/zero")).toEqual({ trouble: "key", file: "/dev/zero", refused: "too-long" })
        const trouble = { code: "unreadable", file: "/dev/zero", detail: "EFBIG" }
        expect(await namedProfile("/dev/zero", {})).toEqual({ ok: false, trouble })
        expect(readHits("/dev/zero")).toEqual({ ok: false, trouble })
    })
})
