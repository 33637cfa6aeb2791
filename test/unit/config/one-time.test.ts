import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { markUsed } from "../../../src/adapters/config/one-time.ts"
import { readSequence } from "../../../src/core/knockd/sequence.ts"

let folder: string
let file: string

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-one-time-"))
    file = join(folder, "sequences")
})
afterEach(() => rmSync(folder, { recursive: true }))

function hits(text: string) {
    const reading = readSequence(text)
    if (!reading.ok) throw new Error(reading.message)
    return reading.hits
}

describe("markUsed()", () => {
    it("puts # over the first byte of the first unused line of this sequence, and changes nothing else", () => {
        writeFileSync(file, "# mine\n\n99999,1\n 1000,2000\r\n 1000,2000\n3000:udp,4000")
        expect(markUsed(file, hits("1000,2000"))).toEqual({ ok: true })
        expect(readFileSync(file, "latin1")).toBe("# mine\n\n99999,1\n#1000,2000\r\n 1000,2000\n3000:udp,4000")
        expect(markUsed(file, hits("1000:tcp , 2000"))).toEqual({ ok: true })
        expect(markUsed(file, hits("3000:udp,4000"))).toEqual({ ok: true })
        expect(readFileSync(file, "latin1")).toBe("# mine\n\n99999,1\n#1000,2000\r\n#1000,2000\n#000:udp,4000")
    })

    it("does not look into a file that is larger than it reads at the start", () => {
        writeFileSync(file, " 1000,2000\n")
        truncateSync(file, 1 << 30)
        expect(markUsed(file, hits("1000,2000"))).toEqual({ ok: false, why: "failed", detail: "it is too large" })
    })

    it("marks nobody else's line when the file has changed meanwhile", () => {
        writeFileSync(file, " 5000,6000\n 1000,2000\n")
        expect(markUsed(file, hits("1000,2000"))).toEqual({ ok: true })
        expect(readFileSync(file, "latin1")).toBe(" 5000,6000\n#1000,2000\n")
        expect(markUsed(file, hits("1000,2000"))).toEqual({ ok: false, why: "gone" })
        expect(markUsed(file, hits("2000,1000"))).toEqual({ ok: false, why: "gone" })
    })

    it("says why a file cannot be marked, and loses nothing", () => {
        expect(markUsed(join(folder, "none"), hits("1"))).toMatchObject({ ok: false, why: "failed" })
        expect(markUsed(folder, hits("1"))).toMatchObject({ ok: false, why: "failed" })
        writeFileSync(file, " 1\n")
        chmodSync(file, 0o400)
        if (process.geteuid!() !== 0) expect(markUsed(file, hits("1"))).toMatchObject({ ok: false, why: "failed" })
        expect(readFileSync(file, "latin1")).toBe(" 1\n")
    })
})
