import {
    chmodSync,
    chownSync,
    mkdtempSync,
    readdirSync,
    rmSync,
    statSync,
    symlinkSync,
    utimesSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
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

    it("gives the next try a number that is free, even if somebody took some away", () => {
        for (const n of [1, 2, 3]) keeping.claim(id("a"), n)
        rmSync(join(folder, `place/tried-${id("a")}-1`))
        const { tries } = keeping.history()(id("a"))
        expect({ tries, next: keeping.claim(id("a"), tries + 1) }).toEqual({ tries: 3, next: true })
    })

    it("is not confused by what others take away while it reads", () => {
        keeping.begin(KEY)
        // A name that leads nowhere is what a look sees of a file that goes just then.
        symlinkSync("nowhere", join(folder, "place/seen-0000000000000007"))
        expect(keeping.see(KEY, seen(7))).toBe(true)
        rmSync(join(folder, "place/seen-0000000000000007"))
        expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
    })

    it("believes nothing that others can write, and writes nothing there", () => {
        keeping.begin(KEY)
        for (const mode of [0o720, 0o702]) {
            chmodSync(join(folder, "place"), mode)
            for (const act of [keeping.trusted, keeping.history, () => keeping.claim(id("a"), 1)])
                expect(act).toThrow(expect.objectContaining({ code: "OTHERS" }))
        }
        chmodSync(join(folder, "place"), 0o755)
        expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
        expect(files()).toEqual(["begun"])
    })

    it("believes nothing that is in the directory of another user", () => {
        keeping.begin(KEY)
        const place = join(folder, "place")
        if (process.getuid?.() === 0) chownSync(place, 1001, 0)
        const { uid } = statSync(place)
        const who = vi.spyOn(process, "geteuid")
        who.mockReturnValue(uid + 1)
        expect(keeping.trusted).toThrow(expect.objectContaining({ code: "OTHERS" }))
        for (const one of [uid, 0]) {
            who.mockReturnValue(one)
            expect(keeping.trusted()).toEqual({ key: KEY, seen: null })
        }
        who.mockRestore()
    })

    it("clears away what a process that was killed has left half written", () => {
        keeping.begin(KEY)
        const [old, fresh] = [".postern-0123456789abcdef", ".postern-fedcba9876543210"]
        for (const name of [old, fresh]) writeFileSync(join(folder, "place", name), "half")
        utimesSync(join(folder, "place", old), 0, 0)
        keeping.forget([])
        expect(files()).toEqual([fresh, "begun"])
    })
})
