import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as others } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Content, Shelf } from "../../../src/web/shelf.ts"

const NAME = "a".repeat(32)

function text(found: Content | "unreadable" | null): string | null {
    return found === null || found === "unreadable" ? found : Buffer.from(found.bytes).toString()
}

/** Files of others, who write into them where they are, as `cp` and `scp` do. */
describe("Shelf", () => {
    let folder: string
    let file: string
    let shelf: Shelf
    beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), "postern-shelf-"))
        file = join(folder, NAME)
        writeFileSync(file, "")
        shelf = await Shelf.open(folder, () => {})
    })
    afterAll(() => {
        shelf.close()
        rmSync(folder, { recursive: true })
    })

    it("gives what was written last, however soon after what was there before, and as long", async () => {
        // Kernels before 6.13 give both the same time, mostly.
        for (let n = 100; n < 150; n++) {
            writeFileSync(file, String(n))
            expect(text(await shelf.find(NAME))).toBe(String(n))
        }
    })

    it("does not say that a file is gone which changes all the time while it is read", async () => {
        const found: (string | null)[] = []
        const asked = shelf.find(NAME).then((one) => found.push(text(one)))
        while (found.length === 0) {
            appendFileSync(file, "x")
            await others()
        }
        await asked
        expect(found).toEqual(["unreadable"])
        expect(text(await shelf.find(NAME))).toMatch(/^149x+$/)
    })
})
