import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Keeping, keepingIn } from "../../../src/cli/device/keeping.ts"

const KEY = `${"A".repeat(43)}=`
const NEXT = `${"B".repeat(42)}A=`
const seen = (serial: number, digit = "0") => ({ serial, contents: digit.repeat(64) })
const id = (digit: string) => digit.repeat(64)

let folder: string
let keeping: Keeping

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "postern-keeping-"))
    keeping = keepingIn(join(folder, "place"))
})
afterEach(() => rmSync(folder, { recursive: true }))

const files = () => readdirSync(join(folder, "place")).toSorted()

describe("keepingIn()", () => {
    it("knows nothing at first, then the key of the link, then what was seen", () => {
        expect(keeping.trusted()).toBeNull()
        keeping.begin(KEY)
        expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
        expect(keeping.see(NEXT, seen(7))).toBe(true)
        expect(keepingIn(join(folder, "place")).trusted()).toEqual({ key: NEXT, seen: seen(7) })
    })

    it("keeps the newest, whoever writes last, and refuses another one of the same serial", () => {
        keeping.begin(KEY)
        expect(keeping.see(KEY, seen(9))).toBe(true)
        expect(keeping.see(KEY, seen(8))).toBe(true)
        expect(keeping.trusted()?.seen).toEqual(seen(9))
        expect(keeping.see(KEY, seen(9))).toBe(true)
        expect(keeping.see(KEY, seen(9, "1"))).toBe(false)
        expect(keeping.see(KEY, seen(10))).toBe(true)
        expect(files()).toEqual(["begun", "seen-0000000000000010"])
    })

    it("forgets what it has seen when it is begun with another key, and only then", () => {
        keeping.begin(KEY)
        keeping.see(NEXT, seen(7))
        keeping.begin(NEXT)
        expect(keeping.trusted()).toEqual({ key: NEXT, seen: seen(7) })
        keeping.begin(KEY)
        expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
    })

    it("knows nothing where its files are damaged, and can be begun anew", () => {
        keeping.begin(KEY)
        keeping.see(KEY, seen(7))
        writeFileSync(join(folder, "place/seen-0000000000000007"), "")
        expect(keeping.trusted()).toBeNull()
        keeping.begin(KEY)
        expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
    })

    it("gives each try of a sequence to one of those who want it, counts them, and forgets what is gone", () => {
        const other = keepingIn(join(folder, "place"))
        expect([keeping.claim(id("a"), 1), other.claim(id("a"), 1), other.claim(id("a"), 2)]).toEqual([
            true,
            false,
            true,
        ])
        keeping.opened(id("b"))
        expect(keeping.history()(id("a"))).toEqual({ tries: 2, opened: false })
        expect(other.history()(id("b"))).toEqual({ tries: 0, opened: true })
        keeping.forget([id("b")])
        expect(files()).toEqual([`opened-${id("b")}`])
    })
})
