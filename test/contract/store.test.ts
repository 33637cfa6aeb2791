/**
 * The store port: one suite on each adapter, then what the journal must stand: power cut at any moment, disks that
 * refuse and lie, damage, full and read-only disks; SIGKILL is in journal-kills.test.ts. Nothing that was answered `ok`
 * is ever lost, and nothing that was used is ever accepted again.
 */
import {
    chmodSync,
    mkdirSync,
    mkdtempSync,
    readFileSync,
    renameSync,
    rmSync,
    statSync,
    truncateSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import fc from "fast-check"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { JOURNAL, openJournal } from "../../src/adapters/store/journal.ts"
import { lateStore } from "../../src/adapters/store/late.ts"
import { memoryStore } from "../../src/adapters/store/memory.ts"
import { type Disk, openDisk } from "../../src/adapters/system/disk.ts"
import { formatAddress, parseAddress } from "../../src/core/net/address.ts"
import { BLOCK, encodeBlocks } from "../../src/core/store/block.ts"
import { MOST } from "../../src/core/store/ledger.ts"
import type { Store, StoreResult } from "../../src/ports/store.ts"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker, runMounted } from "../lab/bundled.ts"
import { type ModelDisk, modelDisk } from "../lab/model-disk.ts"

const NOW = 1_700_000_000_000
/** After every store of these tests was made. */
const LATER = NOW + 3_600_000
const me = parseAddress("192.0.2.7")!
const other = parseAddress("2001:db8::7")!
const ssh = { door: "ssh", source: me }

let directory: string
const stores: Store[] = []

beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "postern-store-"))
    chmodSync(directory, 0o700)
})
afterEach(async () => {
    for (const store of stores.splice(0)) await store.close()
    rmSync(directory, { recursive: true, force: true })
})

async function open(take: (directory: string) => Disk | null = openDisk, now = () => NOW, left?: number) {
    const opening = await openJournal(directory, now, take, left)
    if (!opening.ok) throw new Error(`${opening.code}: ${opening.detail}`)
    stores.push(opening.store)
    return opening
}

const code = (result: StoreResult) => (result.ok ? "ok" : result.code)
const codes = async (...results: Promise<StoreResult>[]) => (await Promise.all(results)).map(code)
const notes = (store: Store) =>
    store
        .pending()
        .map(({ door, source, due }) => `${door} ${formatAddress(source)} ${due}`)
        .sort()

type Harness = { readonly store: Store; readonly goTo: (now: number) => void }

function suite(make: () => Promise<Harness>): void {
    let store: Store
    let goTo: Harness["goTo"]
    beforeEach(async () => {
        ;({ store, goTo } = await make())
        stores.push(store)
    })

    it("claim() is ok once for each id, also for calls of the same moment", async () => {
        expect(await codes(store.claim("a", LATER, LATER), store.claim("b", LATER, LATER))).toEqual(["ok", "ok"])
        expect(await codes(store.claim("a", LATER, LATER + 1))).toEqual(["used"])
        const calls = Array.from({ length: 20 }, () => store.claim("c", LATER, LATER))
        expect((await codes(...calls)).sort()).toEqual(["ok", ...Array(19).fill("used")])
        expect(store.health().claims).toBe(3)
    })

    it("claim() refuses what may have been used before the store knew anything", async () => {
        expect(await codes(store.claim("a", NOW, LATER), store.claim("b", 0, LATER))).toEqual(["unsure", "unsure"])
        expect(await codes(store.raise("a", 1, NOW), store.raise("b", 1, NOW + 1))).toEqual(["unsure", "ok"])
        expect(store.health()).toMatchObject({ since: NOW, why: "new" })
    })

    it("claim() has bounded room, and makes room by forgetting; what was forgotten is stale, wherever the clock goes", async () => {
        const all = Array.from({ length: MOST.claims }, (_, i) => store.claim(`id-${i}`, LATER, LATER + i))
        expect(new Set(await codes(...all))).toEqual(new Set(["ok"]))
        expect(await codes(store.claim("more", LATER, LATER + MOST.claims))).toEqual(["full"])
        goTo(LATER + 99)
        expect(await codes(store.claim("more", LATER, LATER + MOST.claims))).toEqual(["ok"])
        expect(store.health().claims).toBe(MOST.claims - 99)
        goTo(NOW)
        expect(await codes(store.claim("id-0", LATER, LATER))).toEqual(["stale"])
        expect(await codes(store.claim("id-99", LATER, LATER + 99), store.claim("id-100", LATER, LATER + 100))).toEqual(
            ["stale", "used"],
        )
    })

    it("raise() lets counters only grow, each by itself", async () => {
        expect(await codes(store.raise("a", 0, LATER), store.raise("a", 0, LATER))).toEqual(["ok", "used"])
        expect(await codes(store.raise("a", 7, LATER), store.raise("a", 6, LATER))).toEqual(["ok", "used"])
        expect(await codes(store.raise("b", 6, LATER), store.raise("a", 8, LATER))).toEqual(["ok", "ok"])
        expect(store.health().counters).toBe(2)
    })

    it("raised() tells where a counter stands, and dropCounters() forgets all of them and nothing else", async () => {
        await codes(store.raise("a", 7, LATER), store.raise("b", 0, LATER), store.claim("c", LATER, LATER))
        expect([store.raised("a"), store.raised("b"), store.raised("none")]).toEqual([7, 0, null])
        expect(await codes(store.dropCounters())).toEqual(["ok"])
        expect(await codes(store.raise("a", 3, LATER))).toEqual(["ok"])
        expect(store.raised("b")).toBeNull()
        expect(await codes(store.claim("c", LATER, LATER))).toEqual(["used"])
    })

    it("note() keeps one moment for each door and source, until it is struck", async () => {
        const six = { door: "ssh", source: other }
        expect(await codes(store.note(ssh, 5), store.note(six, 6), store.note({ ...ssh, door: "web" }, 7))).toEqual([
            "ok",
            "ok",
            "ok",
        ])
        await store.note(ssh, 9)
        expect(notes(store)).toEqual(["ssh 192.0.2.7 9", "ssh 2001:db8::7 6", "web 192.0.2.7 7"])
        expect(await codes(store.note(ssh, null), store.note(ssh, null))).toEqual(["ok", "ok"])
        expect(notes(store)).toEqual(["ssh 2001:db8::7 6", "web 192.0.2.7 7"])
        expect(store.health().stops).toBe(2)
    })

    it("throws on what no record can hold, and goes on", async () => {
        for (const id of ["", "a b", "a\nb", "\u00e4", "x".repeat(201)]) {
            await expect(store.claim(id, LATER, LATER)).rejects.toThrow(RangeError)
            await expect(store.raise(id, 1, LATER)).rejects.toThrow(RangeError)
            await expect(store.note({ door: id, source: me }, 1)).rejects.toThrow(RangeError)
        }
        for (const n of [-1, 0.5, Number.NaN, 2 ** 53]) {
            await expect(store.claim("a", LATER, n)).rejects.toThrow(RangeError)
            await expect(store.raise("a", n, LATER)).rejects.toThrow(RangeError)
        }
        expect(await codes(store.claim("x".repeat(200), LATER, LATER))).toEqual(["ok"])
    })

    it("trust() lets an operator say from when on everything is known, and frees nothing that was used", async () => {
        expect(await codes(store.claim("a", LATER, LATER), store.raise("k", 5, LATER))).toEqual(["ok", "ok"])
        expect(await codes(store.trust(NOW - 10), store.claim("b", NOW - 9, LATER))).toEqual(["ok", "ok"])
        expect(await codes(store.claim("c", NOW - 10, LATER), store.claim("a", LATER, LATER))).toEqual([
            "unsure",
            "used",
        ])
        expect(store.health()).toMatchObject({ since: NOW - 10, why: "operator" })
        expect(await codes(store.trust(LATER), store.claim("d", LATER, LATER + 1))).toEqual(["ok", "unsure"])
        expect(await codes(store.raise("k", 5, LATER + 1), store.raise("k", 6, LATER + 1))).toEqual(["used", "ok"])
        await expect(store.trust(0.5)).rejects.toThrow(RangeError)
    })

    it("close() finishes what was asked for, and refuses what comes later", async () => {
        const before = store.claim("a", LATER, LATER)
        await store.close()
        expect(await codes(before, store.claim("b", LATER, LATER))).toEqual(["ok", "failed"])
        await store.close()
    })
}

describe("memory", () =>
    suite(() => {
        let now = NOW
        const store = memoryStore(() => now)
        return Promise.resolve({ store, goTo: (time) => (now = time) })
    }))

describe("journal", () =>
    suite(async () => {
        let now = NOW
        const { store } = await open(openDisk, () => now)
        return { store, goTo: (time) => (now = time) }
    }))

/** A journal that cannot be opened as often as this, one after the other, and then can; `found` counts. */
describe("journal, that came late", () =>
    suite(async () => {
        let now = NOW
        const { store, come } = lateStore(
            () => now,
            () => "EROFS",
        )
        come((await open(openDisk, () => now)).store)
        return { store, goTo: (time) => (now = time) }
    }))

describe("journal, that has not come", () => {
    it("refuses everything until it is there, says why, and throws on what no record can hold", async () => {
        let trouble = "first"
        const { store } = lateStore(
            () => NOW,
            () => trouble,
        )
        expect(store.health()).toMatchObject({ why: "away", since: NOW, trouble: "first", claims: 0, stops: 0 })
        const asked = [store.claim("a", LATER, LATER), store.raise("k", 1, LATER), store.note(ssh, 5), store.trust(1)]
        for (const result of await Promise.all(asked)) expect(result).toMatchObject({ ok: false, code: "failed" })
        expect(await codes(store.claim("a", LATER, LATER))).toEqual(["failed"])
        expect(notes(store)).toEqual([])
        await expect(store.claim("a b", LATER, LATER)).rejects.toThrow(RangeError)
        trouble = "then"
        expect(store.health()).toMatchObject({ why: "away", trouble: "then" })
        expect(await store.note(ssh, 5)).toEqual({ ok: false, code: "failed", detail: "then" })
        await store.close()
        expect(await codes(store.note(ssh, 5))).toEqual(["failed"])
    })

    it("has what the one before has noted and used as soon as it is there, and lets the directory go", async () => {
        const { store: before } = await open()
        await codes(before.claim("a", LATER, LATER), before.note(ssh, 5))
        await before.close()
        const { store, come } = lateStore(
            () => NOW,
            () => "EIO",
        )
        expect(await codes(store.claim("a", LATER, LATER))).toEqual(["failed"])
        come((await open()).store)
        expect(notes(store)).toEqual(["ssh 192.0.2.7 5"])
        expect(store.health()).toMatchObject({ why: "new", trouble: null, claims: 1, stops: 1 })
        expect(await codes(store.claim("a", LATER, LATER), store.claim("b", LATER, LATER))).toEqual(["used", "ok"])
        await store.close()
        expect((await open()).found).toBe("whole")
    })
})

describe("journal, as a file", () => {
    it("knows everything again when it is opened again, over many snapshots", async () => {
        const first = await open()
        expect(first.found).toBe("new")
        // More batches than a journal has blocks.
        for (let i = 0; i < 1500; i++) expect(await codes(first.store.claim(`id-${i}`, LATER, LATER))).toEqual(["ok"])
        await codes(first.store.raise("k", 41, LATER), first.store.note(ssh, 5), first.store.note(ssh, 6))
        await codes(first.store.trust(NOW - 1))
        await first.store.close()
        const { store, found } = await open()
        expect(found).toBe("whole")
        for (let i = 0; i < 1500; i++) expect(await codes(store.claim(`id-${i}`, LATER, LATER))).toEqual(["used"])
        expect(await codes(store.raise("k", 41, LATER), store.raise("k", 42, LATER))).toEqual(["used", "ok"])
        expect(notes(store)).toEqual(["ssh 192.0.2.7 6"])
        expect(store.health()).toMatchObject({ since: NOW - 1, why: "operator", trouble: null })
    })

    it("has none of the counters that were dropped when it is opened again, and all where that failed", async () => {
        const first = await open()
        await codes(first.store.raise("a", 1, LATER), first.store.note(ssh, 5))
        expect(await codes(first.store.dropCounters())).toEqual(["ok"])
        await codes(first.store.raise("b", 2, LATER))
        await first.store.close()
        const disk = openDisk(directory)!
        let full = false
        const second = await open(() => ({
            ...disk,
            create: (...given) => (full ? Promise.reject(new Error("ENOSPC")) : disk.create(...given)),
        }))
        expect([second.store.raised("a"), second.store.raised("b")]).toEqual([null, 2])
        expect(notes(second.store)).toEqual(["ssh 192.0.2.7 5"])
        full = true
        expect(await codes(second.store.dropCounters())).toEqual(["failed"])
        expect(second.store.raised("b")).toBe(2)
    })

    it("is for its owner's eyes alone, and refuses a directory that others can write to", async () => {
        const own = join(directory, "a", "b")
        const opening = await openJournal(own, () => NOW)
        if (!opening.ok) throw new Error(opening.detail)
        stores.push(opening.store)
        expect(statSync(own).mode & 0o7777).toBe(0o700)
        expect(statSync(join(own, JOURNAL)).mode & 0o7777).toBe(0o600)
        chmodSync(directory, 0o1777)
        expect(await openJournal(directory, () => NOW)).toEqual({
            ok: false,
            code: "failed",
            detail: `others can write to ${directory}: take a directory of its own`,
        })
        expect(statSync(directory).mode & 0o7777).toBe(0o1777)
        chmodSync(directory, 0o700)
    })

    it("is one process's at a time", async () => {
        const { store } = await open()
        expect(await openJournal(directory, () => NOW)).toMatchObject({ ok: false, code: "locked" })
        await store.close()
        expect((await open()).found).toBe("whole")
    })

    it("refuses the format of a later version, and leaves it alone", async () => {
        await (await open()).store.close()
        const path = join(directory, JOURNAL)
        const later = readFileSync(path)
        later.set(encodeBlocks(["postern-journal 2"], 0), 0)
        writeFileSync(path, later)
        expect(await openJournal(directory, () => NOW)).toEqual({
            ok: false,
            code: "newer",
            detail: "it was written by a later postern (format 2)",
        })
        expect(readFileSync(path).equals(later)).toBe(true)
    })

    it("after damage refuses what may have been used, says so, keeps the damaged file, and goes on with the new", async () => {
        const { store } = await open()
        await codes(store.claim("a", LATER, LATER), store.claim("b", LATER, LATER), store.raise("k", 5, LATER))
        await codes(store.note(ssh, 5))
        await store.close()
        const path = join(directory, JOURNAL)
        const bytes = readFileSync(path)
        bytes[BLOCK + 100]! ^= 1
        writeFileSync(path, bytes)
        const found = LATER + 1000
        for (const wanted of ["damaged", "whole"] as const) {
            const again = await open(openDisk, () => found)
            expect(again.found).toBe(wanted)
            expect(again.store.health()).toMatchObject({ why: "damage" })
            const { since } = again.store.health()
            expect(since).toBeGreaterThanOrEqual(found)
            const moments = [LATER, found, since]
            for (const id of ["a", "b", "c"]) {
                for (const moment of moments) {
                    expect(["used", "unsure"]).toContain(code(await again.store.claim(id, moment, since + 1)))
                }
            }
            expect(await codes(again.store.raise("k", 6, LATER))).toEqual(["unsure"])
            expect(await codes(again.store.claim(`new ${wanted}`.replace(" ", "-"), since + 1, since + 2))).toEqual([
                "ok",
            ])
            expect(notes(again.store)).toEqual(["ssh 192.0.2.7 5"])
            await again.store.close()
        }
        expect(readFileSync(`${path}.damaged`).equals(bytes)).toBe(true)
    })
})

describe("journal of very many counters", () => {
    it("is written in pieces, hears what is asked for between them, and has all of it afterwards", async () => {
        const disk = openDisk(directory)!
        const counters = Array.from({ length: 8192 }, (_, n) => `${n}`.padStart(200, "k"))
        let piece: (() => void) | null = null
        const first = await open(() => ({
            ...disk,
            async write(name, ...given) {
                if (name !== JOURNAL) piece?.()
                await disk.write(name, ...given)
            },
        }))
        expect(new Set(await codes(...counters.map((key) => first.store.raise(key, 1, LATER))))).toEqual(
            new Set(["ok"]),
        )
        const asked: Promise<string[]>[] = []
        piece = () => {
            const n = asked.length
            asked.push(codes(first.store.claim(`id-${n}`, LATER, LATER), first.store.raise(counters[n]!, 2, LATER)))
        }
        // Now there is less room than these need.
        for (const n of [1, 2, 3]) await codes(first.store.raise("more", n, LATER))
        await codes(...counters.map((key) => first.store.raise(`${key.slice(1)}x`, 1, LATER)))
        piece = null
        expect(asked.length).toBeGreaterThan(30)
        expect(new Set((await Promise.all(asked)).flat())).toEqual(new Set(["ok"]))
        await first.store.close()
        const { found, store } = await open()
        expect([found, store.health().counters, store.health().claims]).toEqual(["whole", 16385, asked.length])
        for (const [n, key] of counters.entries()) expect(store.raised(key)).toBe(n < asked.length ? 2 : 1)
    })
})

/** A disk on which the next journal is written no further than `hold` lets it. */
const gated = () => {
    const disk = openDisk(directory)!
    const gate = { hold: Promise.resolve(), writes: 0, renames: 0, full: false }
    const wired: Disk = {
        ...disk,
        async create(...given) {
            gate.writes++
            await gate.hold
            if (gate.full) throw new Error("ENOSPC: no room")
            await disk.create(...given)
        },
        async rename(...given) {
            gate.renames++
            await disk.rename(...given)
        },
    }
    return { wired, gate }
}

describe("journal, whose next one is written beside it", () => {
    it("answers meanwhile, and has what was answered meanwhile afterwards", async () => {
        const { wired, gate } = gated()
        const { store } = await open(() => wired, undefined, 1)
        const held: (() => void)[] = []
        gate.hold = new Promise((resolve) => void held.push(resolve))
        const asked = async (n: number) =>
            expect(
                await codes(store.claim(`id-${n}`, SINCE, LATER), store.note(ssh, n), store.raise("k", n, SINCE)),
            ).toEqual(["ok", "ok", "ok"])
        for (let n = 0; n < 9; n++) await asked(n)
        expect([gate.writes, gate.renames]).toEqual([2, 1])
        for (const release of held) release()
        for (let n = 9; gate.renames < 3 && n < 2000; n++) await asked(n)
        expect(gate.renames).toBe(3)
        await store.close()
        const again = await open()
        expect([again.found, again.store.health().claims > 9, again.store.raised("k")! > 8]).toEqual([
            "whole",
            true,
            true,
        ])
        expect(await codes(again.store.claim("id-0", SINCE, LATER))).toEqual(["used"])
    })

    it("goes on in the old one where there is no room for the next, and until that is full", async () => {
        const { wired, gate } = gated()
        const { store } = await open(() => wired, undefined, 1)
        gate.full = true
        for (let n = 0; n < 1100; n++) {
            const result = await store.claim(`id-${n}`, SINCE, LATER)
            if (result.ok) continue
            expect([result.code, n > 900, gate.writes]).toEqual(["failed", true, 3])
            gate.full = false
        }
        expect([gate.full, gate.renames > 1]).toEqual([false, true])
        expect(await codes(store.claim("id-1", SINCE, LATER))).toEqual(["used"])
    })
})

/** What was answered `ok`, and what must hold of it for ever after. */
class Promised {
    readonly claims = new Set<string>()
    count = -1
    /** What the note may be: as it was answered last, or as asked for without an answer since. */
    readonly due: (number | null)[] = [null]

    /** Asks for something; `n` says what. */
    async ask(store: Store, n: number): Promise<void> {
        if (n % 3 === 0) {
            // Long, so that two make more than a block.
            const id = `id-${n}`.padEnd(190, "x")
            if ((await store.claim(id, LATER, LATER)).ok) this.claims.add(id)
        } else if (n % 3 === 1) {
            if ((await store.raise("k", n, LATER)).ok) this.count = Math.max(this.count, n)
        } else {
            const due = n % 2 === 0 ? n : null
            this.due.push(due)
            if ((await store.note(ssh, due)).ok) this.due.splice(0, this.due.lastIndexOf(due))
        }
    }

    /** Asks for ten things at once. */
    async askTen(store: Store, n: number): Promise<void> {
        await Promise.all(Array.from({ length: 10 }, (_, i) => this.ask(store, n + i)))
    }

    async check(store: Store): Promise<void> {
        for (const id of this.claims) expect(code(await store.claim(id, LATER, LATER))).toBe("used")
        if (this.count >= 0) expect(code(await store.raise("k", this.count, LATER))).toBe("used")
        expect(this.due).toContain(store.pending()[0]?.due ?? null)
    }
}

/** After the journals of these tests know everything. */
const SINCE = NOW + 1

const file = () => join(directory, JOURNAL)

describe("journal, taken away while it is used", () => {
    let copy: Buffer
    const goodbye: Readonly<Record<string, () => void>> = {
        "the file is removed": () => rmSync(file()),
        "an older copy takes its place": () => {
            writeFileSync(`${file()}.copy`, copy, { mode: 0o600 })
            renameSync(`${file()}.copy`, file())
        },
        "it is emptied": () => truncateSync(file()),
        "it has another name": () => renameSync(file(), `${file()}.old`),
        "the directory is removed": () => rmSync(directory, { recursive: true }),
        "another directory takes its place": () => {
            renameSync(directory, `${directory}.old`)
            mkdirSync(directory, { mode: 0o700 })
        },
    }
    afterEach(() => rmSync(`${directory}.old`, { recursive: true, force: true }))

    it.each(Object.entries(goodbye))("%s: says so, and is made anew with all that is known", async (_, act) => {
        const said: string[] = []
        const { store } = await open((path) => openDisk(path, (what) => said.push(what)))
        copy = readFileSync(file())
        expect(await codes(store.claim("a", SINCE, LATER), store.note(ssh, 7))).toEqual(["ok", "ok"])
        act()
        expect(await codes(store.claim("b", SINCE, LATER), store.claim("a", SINCE, LATER))).toEqual(["ok", "used"])
        expect(said).toEqual([
            expect.stringMatching(/^somebody has (?:taken|cut) \/.* (?:away|short): it is made anew, and written/),
        ])
        // The lock is on what is there now.
        expect(await openJournal(directory, () => NOW)).toMatchObject({ ok: false, code: "locked" })
        expect(await codes(store.claim("c", SINCE, LATER))).toEqual(["ok"])
        expect(said).toHaveLength(1)
        await store.close()
        const again = await open()
        expect([again.found, notes(again.store)]).toEqual(["whole", ["ssh 192.0.2.7 7"]])
        const all = ["a", "b", "c"].map((id) => again.store.claim(id, SINCE, LATER))
        expect(await codes(...all)).toEqual(["used", "used", "used"])
    })

    it("is made anew when somebody who writes beside it has noticed, before it has anything to write", async () => {
        const { store } = await open()
        expect(await codes(store.claim("a", SINCE, LATER))).toEqual(["ok"])
        rmSync(directory, { recursive: true })
        store.check()
        await store.close()
        expect(await codes((await open()).store.claim("a", SINCE, LATER))).toEqual(["used"])
    })

    it("is made with the directories above it, for its owner alone, and not where none can be", async () => {
        const inner = join(directory, "a/b/c")
        const { store } = await open(() => openDisk(inner))
        expect(await codes(store.claim("a", SINCE, LATER))).toEqual(["ok"])
        for (const path of [inner, dirname(inner)]) expect(statSync(path).mode & 0o777).toBe(0o700)
        // Node's own recursive mkdir would try this one for ever.
        expect(() => openDisk("/proc/postern/state")).toThrow(/ENOENT/)
    })

    it("refuses while what took its place cannot be used, says why, and goes on when it can", async () => {
        const { store } = await open()
        expect(await codes(store.claim("a", SINCE, LATER))).toEqual(["ok"])
        renameSync(directory, `${directory}.old`)
        writeFileSync(directory, "")
        for (const id of ["b", "c"]) expect(await codes(store.claim(id, SINCE, LATER))).toEqual(["failed"])
        expect(store.health().trouble).toMatch(/ENOTDIR|EEXIST|not a directory/)
        rmSync(directory)
        mkdirSync(directory, { mode: 0o777 })
        chmodSync(directory, 0o777)
        expect(await store.claim("b", SINCE, LATER)).toMatchObject({
            detail: expect.stringContaining("others can write"),
        })
        chmodSync(directory, 0o700)
        expect(await codes(store.claim("b", SINCE, LATER), store.claim("a", SINCE, LATER))).toEqual(["ok", "used"])
        await store.close()
        expect(await codes((await open()).store.claim("b", SINCE, LATER))).toEqual(["used"])
    })
})

describe("journal, on a disk that fails", () => {
    const never = new Promise<never>(() => {})
    /** How often a journal got its name. */
    let renewed = 0
    /** Some write the next journal all the time, beside their own. */
    const lefts = fc.constantFrom(undefined, 1)

    /** Runs until the power goes at the given step; returns the disk as it was then. */
    async function run(
        disk: ModelDisk,
        promised: Promised,
        from: number,
        cutAt: number,
        left?: number,
    ): Promise<number> {
        let steps = 0
        const dead = new Promise<void>((resolve) => {
            disk.fault = () => {
                steps++
                if (steps === cutAt) resolve()
            }
        })
        // After the cut no step is done, and none comes back.
        const wired = { ...disk }
        for (const name of ["create", "write", "sync", "rename", "syncNames"] as const) {
            wired[name] = async (...args: never[]) => {
                if (steps >= cutAt) return never
                if (name === "rename") renewed++
                await Reflect.apply(disk[name], disk, args)
                if (steps >= cutAt) return never
            }
        }
        const work = async () => {
            const { store } = await open(() => wired, undefined, left)
            stores.pop()
            for (let n = from; n < from + 100; n += 10) await promised.askTen(store, n)
        }
        await Promise.race([work(), dead])
        return steps
    }

    it("loses nothing and accepts nothing twice when the power goes at any step, over and over", async () => {
        let cuts = 0
        let torn = 0
        await fc.assert(
            fc.asyncProperty(
                fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
                fc.integer(),
                lefts,
                async (cutsAt, seed, left) => {
                    const random = generator(seed)
                    let disk = modelDisk()
                    const promised = new Promised()
                    for (const [round, cutAt] of cutsAt.entries()) {
                        if ((await run(disk, promised, round * 100, cutAt, left)) >= cutAt) cuts++
                        disk = disk.cutPower(random)
                        const copy = disk.bytes(JOURNAL)
                        const { store, found } = await open(() =>
                            copy === null ? modelDisk() : modelDisk(new Map([[JOURNAL, copy]])),
                        )
                        expect(["new", "whole", "torn"]).toContain(found)
                        if (found === "torn") torn++
                        await promised.check(store)
                    }
                },
            ),
            { numRuns: 150 },
        )
        expect(cuts).toBeGreaterThan(100)
        // One at each start, the others beside a journal in use: some 480 of these.
        expect(renewed).toBeGreaterThan(300)
        account(`power cuts at any step: ${cuts}, of them with a torn end ${torn}`)
        expect(torn).toBeGreaterThan(0)
    })

    it("answers `failed` when a step fails, goes on when it can, and still loses nothing", async () => {
        const seen = { failed: 0, recovered: 0 }
        await fc.assert(
            fc.asyncProperty(
                fc.integer({ min: 1, max: 40 }),
                fc.integer({ min: 1, max: 12 }),
                fc.integer(),
                lefts,
                async (at, length, seed, left) => {
                    const random = generator(seed)
                    const disk = modelDisk(new Map(), random)
                    const { store } = await open(() => disk, undefined, left)
                    const promised = new Promised()
                    let steps = 0
                    disk.fault = () => {
                        steps++
                        if (steps >= at && steps < at + length) throw new Error("EIO: i/o error")
                    }
                    for (let n = 0; n < 400; n += 10) {
                        await promised.askTen(store, n)
                        if (store.health().trouble !== null) seen.failed++
                    }
                    expect(store.health().trouble).toBeNull()
                    if (steps > at + length) seen.recovered++
                    expect(promised.claims.size).toBeGreaterThan(2)
                    const copy = disk.cutPower(random).bytes(JOURNAL)!
                    const again = await open(() => modelDisk(new Map([[JOURNAL, copy]])))
                    await promised.check(again.store)
                },
            ),
            { numRuns: 150 },
        )
        account(`steps that failed: ${seen.failed}; journals that went on afterwards: ${seen.recovered}`)
        expect(seen.failed).toBeGreaterThan(50)
        expect(seen.recovered).toBeGreaterThan(100)
    })

    it("accepts nothing twice whatever length the journal is cut to, and whatever bit of it is changed", async () => {
        const disk = modelDisk()
        const { store } = await open(() => disk)
        for (let i = 0; i < 5; i++) await store.claim(`id-${i}`, LATER, LATER + i + 1)
        const whole = disk.bytes(JOURNAL)!
        let harmed = 0
        const damaged = async (bytes: Uint8Array) => {
            harmed++
            const again = await open(
                () => modelDisk(new Map([[JOURNAL, bytes]])),
                () => LATER,
            )
            expect(again.found).toBe("damaged")
            // Even where the clock says that nothing was ever used: whoever has noted what it was notices.
            const early = await open(
                () => modelDisk(new Map([[JOURNAL, bytes]])),
                () => 1,
            )
            expect(early.store.health()).toMatchObject({ why: "damage" })
            expect(early.store.health().since).not.toBe(store.health().since)
            for (let i = 0; i < 5; i++) {
                expect(code(await again.store.claim(`id-${i}`, LATER, LATER + i + 1))).toMatch(/^(used|unsure)$/)
            }
            stores.length = 0
        }
        for (let length = 0; length < 7 * BLOCK; length += 61) await damaged(whole.slice(0, length))
        await damaged(whole.slice(0, whole.length - 1))
        for (let byte = 0; byte < 6 * BLOCK; byte += 47) {
            const bytes = whole.slice()
            bytes[byte]! ^= 1 << (byte & 7)
            await damaged(bytes)
        }
        account(`journals cut short or with a bit changed: ${harmed}, each said and nothing in it taken twice`)
    })
})

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
function generator(seed: number): () => number {
    let state = seed
    return () => {
        state = (state + 0x6d2b79f5) | 0
        let t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    }
}

describe("journal, in a process of its own", () => {
    let worker: Bundled
    beforeAll(() => {
        worker = bundleWorker("store-worker")
    })
    afterAll(() => worker.remove())

    const rooted = process.getuid?.() === 0

    const mounted = (prepare: string, what: string) => runMounted(worker, directory, prepare, what)

    it.skipIf(!rooted)("a full disk: nothing is acknowledged, and all is well when there is room again", () => {
        const prepare = `mount -t tmpfs -o size=4m,mode=700 postern "$1"
            head -c 2900k /dev/zero > "$1/filler"`
        expect(mounted(prepare, "fill")).toMatch(/^opened new\nfailed: ENOSPC: .*\nmany, then ok\n$/)
    })

    it.skipIf(!rooted)("a disk too full for a journal, and one that cannot be written: says so", () => {
        expect(mounted('mount -t tmpfs -o size=100k,mode=700 postern "$1"', "open")).toMatch(/^failed: ENOSPC: /)
        expect(mounted('mount -t tmpfs -o ro,mode=700 postern "$1"', "open")).toMatch(/^denied: EROFS: /)
        mkdirSync(join(directory, "state"))
        const old = `mount -t tmpfs -o mode=700 postern "$1"; "$2" "$3" "$1" open >&2 2>/dev/null; mount -o remount,ro "$1"`
        expect(mounted(old.replace(">&2 2>/dev/null", ">/dev/null"), "open")).toMatch(/^denied: EROFS: /)
    })
})
