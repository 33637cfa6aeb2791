/**
 * The audit port: one suite on each adapter, then what the files must stand: rotation, SIGKILL at any moment, power
 * cuts, disks that refuse, stand still or are full, and damage. Nothing that was durable is lost, what cannot be read
 * costs that entry alone and is counted, and nobody is ever held up.
 */
import { execFileSync, spawn } from "node:child_process"
import {
    chmodSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    renameSync,
    rmSync,
    statSync,
    symlinkSync,
    truncateSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type AuditNews, type AuditOptions, openAudit, QUEUE_MOST } from "../../src/adapters/audit/file.ts"
import { lateAudit } from "../../src/adapters/audit/late.ts"
import { memoryAudit } from "../../src/adapters/audit/memory.ts"
import { AUDIT, nameOf, OLDER_MOST, readTrail } from "../../src/adapters/audit/trail.ts"
import { type Disk, openDisk, shelfOf } from "../../src/adapters/system/disk.ts"
import type { AuditEntry, AuditFact } from "../../src/core/audit/entry.ts"
import { type AuditFilter, EVERYTHING } from "../../src/core/audit/filter.ts"
import { formatLine } from "../../src/core/audit/line.ts"
import { parseNetwork } from "../../src/core/net/address.ts"
import type { Audit, AuditQuery } from "../../src/ports/audit.ts"
import { type Bundled, bundleWorker, runMounted } from "../lab/bundled.ts"
import { type ModelDisk, modelDisk } from "../lab/model-disk.ts"
import { FACTS } from "../unit/core/audit/entries.ts"

const NOW = 1_700_000_000_000
const ALL: AuditQuery = { after: 0, last: null, filter: EVERYTHING }

let directory: string
const closing: (() => Promise<void>)[] = []

beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "postern-audit-"))
    chmodSync(directory, 0o700)
})
afterEach(async () => {
    for (const close of closing.splice(0)) await close()
    rmSync(directory, { recursive: true, force: true })
})

type Options = Partial<AuditOptions> & { readonly on?: Disk }

/** A trail on the real disk, or on another. */
async function open({ on, ...options }: Options = {}) {
    const disk = on ?? openDisk(directory)
    if (disk === null) throw new Error("locked")
    const news: AuditNews[] = []
    const opened = await openAudit(disk, { now: () => NOW, news: (one) => news.push(one), retry: 5, ...options })
    let closed = false
    const close = async () => {
        if (closed) return
        closed = true
        await opened.audit.close()
        await disk.close()
    }
    closing.push(close)
    return { ...opened, disk, news, close }
}

/** Waits until everything is durable. */
async function settled(audit: Audit): Promise<void> {
    for (const end = Date.now() + 20_000; audit.health().waiting > 0 || audit.health().trouble !== null; ) {
        if (Date.now() > end) throw new Error(`it never settled: ${JSON.stringify(audit.health())}`)
        await new Promise((resolve) => setImmediate(resolve))
    }
}

function nothing(): void {}

/** All pages from here on: their entries, and how many are missing. */
async function readAll(audit: Pick<Audit, "read">, query: AuditQuery = ALL) {
    const entries: AuditEntry[] = []
    let missing = 0
    for (let page = await audit.read(query); ; ) {
        entries.push(...page.entries)
        missing += page.missing
        if (!page.more) return { entries, missing, next: page.next }
        page = await audit.read({ ...query, after: page.next, last: null })
    }
}

const serials = (entries: readonly AuditEntry[]) => entries.map(({ serial }) => serial)
const counted = (count: number): AuditFact => ({ what: "suppressed", count })
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

function suite(make: () => Promise<{ readonly audit: Audit; readonly goTo: (now: number) => void }>): void {
    let audit: Audit
    let goTo: (now: number) => void
    beforeEach(async () => {
        ;({ audit, goTo } = await make())
    })
    const filtered = async (filter: Partial<AuditFilter>, last: number | null = null) =>
        serials((await readAll(audit, { after: 0, last, filter: { ...EVERYTHING, ...filter } })).entries)

    it("gives back what was written, in order, with serials that grow by one and the time", async () => {
        const facts = Object.values(FACTS)
        for (const [i, fact] of facts.entries()) {
            goTo(NOW + i)
            audit.write(fact)
        }
        await settled(audit)
        const { entries, missing } = await readAll(audit)
        expect(entries).toEqual(facts.map((fact, i) => ({ serial: i + 1, time: NOW + i, ...fact })))
        expect(missing).toBe(0)
        expect(audit.health()).toMatchObject({ serial: facts.length, waiting: 0, lost: 0, trouble: null })
        expect(audit.health().bytes).toBe(entries.map(formatLine).join("").length)
    })

    it("goes on after any serial, so that a reader can follow", async () => {
        for (let i = 1; i <= 10; i++) audit.write(counted(i))
        await settled(audit)
        const read = async (after: number) => serials((await audit.read({ ...ALL, after })).entries)
        expect(await read(7)).toEqual([8, 9, 10])
        expect(await read(10)).toEqual([])
        expect(await read(99)).toEqual([])
        audit.write(counted(11))
        await settled(audit)
        expect(await read(10)).toEqual([11])
    })

    it("goes on from nothing, for a reader who wants the last of what is not there yet", async () => {
        const { entries, next } = await audit.read({ ...ALL, last: 5 })
        expect(entries).toEqual([])
        audit.write(counted(1))
        await settled(audit)
        expect(serials((await audit.read({ ...ALL, after: next })).entries)).toEqual([1])
    })

    it("filters by time, door, source and kind, and takes the last of what is left", async () => {
        const sources = ["192.0.2.7", "192.0.2.8", "2001:db8::1"]
        for (let i = 0; i < 30; i++) {
            goTo(NOW + i)
            audit.write({ ...FACTS.closed, door: i % 2 === 0 ? "ssh" : "web", source: sources[i % 3]! })
        }
        audit.write(FACTS.stopped)
        await settled(audit)
        expect(await filtered({ since: NOW + 5, until: NOW + 8 })).toEqual([6, 7, 8])
        expect(await filtered({ door: "web" })).toHaveLength(15)
        expect(await filtered({ source: parseNetwork("192.0.2.0/24") })).toHaveLength(20)
        expect(await filtered({ kinds: ["stopped", "started"] })).toEqual([31])
        expect(await filtered({}, 3)).toEqual([29, 30, 31])
        expect(await filtered({}, 0)).toEqual([])
        expect(await filtered({ door: "ssh", source: parseNetwork("2001:db8::1") }, 2)).toEqual([21, 27])
        expect(await filtered({}, 1000)).toEqual(from(1, 31))
    })

    it("answers in bounded pages that lead to the end", async () => {
        for (let i = 1; i <= 3500; i++) audit.write(counted(i))
        await settled(audit)
        const page = await audit.read(ALL)
        expect(page).toMatchObject({ more: true, next: 1000, missing: 0 })
        expect(serials((await readAll(audit)).entries)).toEqual(from(1, 3500))
        expect(serials((await readAll(audit, { ...ALL, last: 2500 })).entries)).toEqual(from(1001, 3500))
    })

    it("forgets what is written after close()", async () => {
        audit.write(counted(1))
        await audit.close()
        audit.write(counted(2))
        await audit.close()
        expect(audit.health().serial).toBe(1)
    })
}

describe("memory", () =>
    suite(() => {
        let now = NOW
        return Promise.resolve({ audit: memoryAudit(() => now), goTo: (time) => (now = time) })
    }))

describe("file", () =>
    suite(async () => {
        let now = NOW
        const { audit } = await open({ now: () => now })
        return { audit, goTo: (time) => (now = time) }
    }))

describe("file, that came late", () =>
    suite(async () => {
        let now = NOW
        const { audit, come } = lateAudit(
            () => now,
            () => "EROFS",
        )
        come((await open({ now: () => now })).audit)
        return { audit, goTo: (time) => (now = time) }
    }))

describe("file, that has not come", () => {
    it("keeps what it is told with its time until then, says why it cannot write, and then writes all of it", async () => {
        let trouble = "EROFS"
        const { audit, come } = lateAudit(
            () => NOW,
            () => trouble,
        )
        audit.write(counted(1), 5)
        audit.write(counted(2))
        expect(audit.health()).toEqual({ serial: 0, bytes: 0, waiting: 2, lost: 0, trouble: "EROFS" })
        trouble = "EIO"
        await expect(audit.read(ALL)).rejects.toThrow("EIO")
        come((await open()).audit)
        audit.write(counted(3))
        await settled(audit)
        const { entries } = await readAll(audit)
        expect(entries).toEqual([
            { serial: 1, time: 5, ...counted(1) },
            { serial: 2, time: NOW, ...counted(2) },
            { serial: 3, time: NOW, ...counted(3) },
        ])
    })

    it("counts what finds no room, tells how many in the trail, and forgets all if there never is one", async () => {
        const [late, never] = [1, 2].map(() =>
            lateAudit(
                () => NOW,
                () => "EROFS",
            ),
        )
        for (const { audit } of [late!, never!]) {
            for (let i = 0; i < QUEUE_MOST + 3; i++) audit.write(counted(i + 1), NOW + i)
            expect(audit.health()).toMatchObject({ waiting: QUEUE_MOST, lost: 3 })
        }
        const { audit: trail } = await open()
        // One at the time finds room where as many wait as can.
        late!.come(trail)
        expect(late!.audit.health()).toMatchObject({ lost: 4 })
        await settled(trail)
        never!.come("it cannot be read")
        expect(never!.audit.health()).toMatchObject({ waiting: 0, lost: QUEUE_MOST + 3, trouble: "it cannot be read" })
        await late!.audit.close()
        await never!.audit.close()
        never!.audit.write(counted(1))
        expect(never!.audit.health().waiting).toBe(0)
    })
})

describe("file, on a real disk", () => {
    it("goes on over restarts and says what the last entry was", async () => {
        for (let round = 0; round < 3; round++) {
            const { audit, last, close } = await open()
            expect(last?.serial ?? 0).toBe(round * 5)
            for (let i = 1; i <= 5; i++) audit.write(counted(i))
            await close()
        }
        expect(statSync(join(directory, AUDIT)).mode & 0o7777).toBe(0o600)
        const { entries, missing } = await readAll({ read: (query) => readTrail(shelfOf(directory), query) })
        expect([serials(entries), missing]).toEqual([from(1, 15), 0])
    })

    it("rotates: a bounded number of bounded files, serials grow on, and a follower misses nothing", async () => {
        const { audit } = await open({ fileMost: 20_000 })
        const line = formatLine({ serial: 1000, time: NOW, ...counted(1000) }).length
        const followed: number[] = []
        let next = 0
        for (let i = 1; i <= 6000; i++) {
            audit.write(counted(i))
            if (i % 100 > 0) continue
            await settled(audit)
            const { entries, missing, next: now } = await readAll(audit, { ...ALL, after: next })
            expect(missing).toBe(0)
            followed.push(...serials(entries))
            next = now
        }
        expect(followed).toEqual(from(1, 6000))
        const names = readdirSync(directory)
        expect(names.toSorted()).toEqual([AUDIT, ...from(1, OLDER_MOST).map(nameOf)].toSorted())
        const sizes = names.map((name) => statSync(join(directory, name)).size)
        for (const size of sizes) expect(size).toBeLessThanOrEqual(20_000)
        expect(audit.health()).toMatchObject({ serial: 6000, bytes: sizes.reduce((a, b) => a + b) })
        const { entries, missing } = await readAll(audit)
        expect(entries.length).toBeGreaterThan((OLDER_MOST * 20_000) / line - 1000)
        expect([serials(entries), missing]).toEqual([from(6001 - entries.length, 6000), 0])
        // Any place in any file is found.
        for (let after = entries[0]!.serial; after < 6000; after += 97) {
            const page = await audit.read({ ...ALL, after })
            expect([page.entries[0]?.serial, page.missing]).toEqual([after + 1, 0])
        }
        // Who comes back too late hears what he missed.
        expect(await audit.read({ ...ALL, after: 1 })).toMatchObject({ missing: entries[0]!.serial - 2 })
    })

    it("loses one entry for any damage of one line, two for its end, and counts them", async () => {
        const first = await open()
        for (let i = 1; i <= 20; i++) first.audit.write(counted(i))
        await first.close()
        const path = join(directory, AUDIT)
        const whole = readFileSync(path)
        const ends = [...whole.entries()].flatMap(([i, byte]) => (byte === 10 ? [i] : []))
        let lost = 0
        for (let at = 0; at < whole.length; at += 13) {
            const bytes = Buffer.from(whole)
            bytes[at]! ^= 1 << (at & 7)
            writeFileSync(path, bytes)
            const line = ends.findIndex((end) => at <= end) + 1
            const gone = at === ends[line - 1] ? [line, line + 1] : [line]
            const second = await open()
            second.audit.write(counted(99))
            await settled(second.audit)
            const { entries, missing } = await readAll(second.audit)
            const kept = from(1, 20).filter((serial) => !gone.includes(serial))
            expect(serials(entries).filter((serial) => serial <= 20)).toEqual(kept)
            // Of damage at the very beginning nobody can tell whether something was there.
            if (line > 1) expect(missing).toBeGreaterThanOrEqual(gone.filter((serial) => serial <= 20).length)
            expect(entries.at(-1)).toMatchObject({ count: 99 })
            expect(entries.at(-1)!.serial).toBeGreaterThan(kept.at(-1)!)
            lost += missing
            await second.close()
        }
        expect(lost).toBeGreaterThan(30)
    })

    it("goes on behind what a crash has cut, wherever that is, and behind a file of zeros", async () => {
        const first = await open()
        for (let i = 1; i <= 10; i++) first.audit.write(counted(i))
        await first.close()
        const path = join(directory, AUDIT)
        const whole = readFileSync(path)
        for (let length = 0; length <= whole.length; length += 7) {
            writeFileSync(path, whole)
            truncateSync(path, length)
            const second = await open()
            second.audit.write(counted(99))
            await settled(second.audit)
            const { entries } = await readAll(second.audit)
            const cut = [...whole.subarray(0, length)].filter((byte) => byte === 10).length
            expect(entries.length - 1 === cut || entries.length - 2 === cut).toBe(true)
            expect(entries.at(-1)).toMatchObject({ count: 99 })
            expect(serials(entries)).toEqual(serials(entries).toSorted((a, b) => a - b))
            await second.close()
        }
        writeFileSync(path, Buffer.alloc(100_000))
        const third = await open()
        third.audit.write(counted(99))
        await settled(third.audit)
        expect((await readAll(third.audit)).entries).toMatchObject([{ count: 99 }])
    })

    it("reads a long trail without holding up anybody for long", async () => {
        const { audit } = await open()
        for (let i = 1; i <= 4000; i++) audit.write({ ...FACTS.opened, until: i })
        await settled(audit)
        let turns = 0
        let over = false
        const count = () => {
            turns++
            if (!over) setImmediate(count)
        }
        setImmediate(count)
        const filter = { ...EVERYTHING, door: "none" }
        expect((await readAll(audit, { ...ALL, filter })).next).toBe(4000)
        over = true
        // A turn for each piece of 8 KiB, at least.
        expect(turns).toBeGreaterThan(audit.health().bytes / 8192)
    })

    it.each<readonly [string, () => void, readonly number[]]>([
        ["the file", () => rmSync(join(directory, "audit")), [3, 4, 5]],
        ["all that is in the file", () => truncateSync(join(directory, "audit")), [3, 4, 5]],
        ["all files", () => rmSync(directory, { recursive: true }), [3, 4, 5]],
        [
            "by a program that rotates, the file",
            () => renameSync(join(directory, "audit"), join(directory, "audit.1")),
            [1, 2, 3, 4, 5],
        ],
    ])("somebody takes away %s: it says so, and goes on with serials that grow on", async (_, act, left) => {
        const said: string[] = []
        const { audit, close } = await open({ on: openDisk(directory, (what) => said.push(what))! })
        for (const n of [1, 2]) audit.write(counted(n))
        await settled(audit)
        act()
        for (const n of [3, 4]) {
            audit.write(counted(n))
            await settled(audit)
        }
        expect(said).toEqual([
            expect.stringMatching(/^somebody has (?:taken|cut) \/.* (?:away|short): it is made anew/),
        ])
        audit.write(counted(5))
        await settled(audit)
        expect(said).toHaveLength(1)
        const { entries } = await readAll(audit)
        expect(entries.map(({ serial }) => serial)).toEqual(left)
        await close()
        const again = await open()
        expect(again.last).toMatchObject({ serial: 5, count: 5 })
    })

    it("waits for nobody where something else than a file has its name, and writes through no link", async () => {
        const { audit, disk } = await open()
        audit.write(FACTS.closed)
        await settled(audit)
        execFileSync("mkfifo", [join(directory, nameOf(1))])
        await expect(audit.read(ALL)).rejects.toThrow("is not a file")
        await expect(openAudit(disk, { now: () => NOW, news: nothing })).rejects.toThrow("is not a file")
        rmSync(join(directory, nameOf(1)))
        renameSync(join(directory, AUDIT), join(directory, "elsewhere"))
        symlinkSync("elsewhere", join(directory, AUDIT))
        await expect(audit.read(ALL)).rejects.toThrow("ELOOP")
        await expect(disk.open(AUDIT)).rejects.toThrow("ELOOP")
    })
})

describe("file, on a disk that fails", () => {
    it("keeps all that was durable, without a gap, when the power goes at any step", async () => {
        let cuts = 0
        let rotated = 0
        await fc.assert(
            fc.asyncProperty(
                fc.integer({ min: 1, max: 80 }),
                fc.double({ min: 0, max: 1, noNaN: true }),
                async (at, luck) => {
                    let luckNow = luck
                    const random = () => (luckNow = (luckNow * 997 + 0.123) % 1)
                    const disk = modelDisk(new Map(), random)
                    const never = new Promise<never>(() => {})
                    let steps = 0
                    let dead = nothing
                    const cut = new Promise<void>((resolve) => (dead = resolve))
                    const wired = cutting(disk, () => {
                        if (++steps < at) return null
                        dead()
                        return never
                    })
                    const { audit } = await openAudit(wired, { now: () => NOW, news: () => {}, fileMost: 1500 })
                    const work = async () => {
                        for (let i = 1; i <= 60; i++) {
                            audit.write(counted(i))
                            if (i % 3 === 0) await settled(audit)
                        }
                    }
                    await Promise.race([work(), cut])
                    if (steps >= at) cuts++
                    const durable = audit.health().serial
                    const again = await open({ on: disk.cutPower(random) })
                    if (durable > 20) rotated++
                    again.audit.write(FACTS.started)
                    await settled(again.audit)
                    const { entries } = await readAll(again.audit)
                    const kept = serials(entries.slice(0, -1)).filter((serial) => serial <= durable)
                    expect(kept).toEqual(from(1, durable))
                },
            ),
            { numRuns: 80 },
        )
        expect(cuts).toBeGreaterThan(40)
        expect(rotated).toBeGreaterThan(10)
    })

    it("tries again, loses nothing that found room, and says once that it failed and once that it is well", async () => {
        const disk = modelDisk()
        const { audit, news } = await open({ on: disk, fileMost: 1500 })
        let failing = 0
        disk.fault = () => {
            if (failing-- > 0) throw new Error("EIO: i/o error")
        }
        for (let i = 1; i <= 100; i++) {
            if (i % 20 === 0) failing = 3
            audit.write(counted(i))
            await settled(audit)
        }
        expect(news).toEqual(
            Array.from({ length: 5 }, () => [{ trouble: "EIO: i/o error" }, { trouble: null, lost: 0 }]).flat(),
        )
        const { entries, missing } = await readAll(audit)
        expect([serials(entries), missing]).toEqual([from(101 - entries.length, 100), 0])
        expect(entries.map((entry) => entry.what === "suppressed" && entry.count)).toEqual(serials(entries))
    })

    it("neither waits nor grows while a disk stands still; what found no room is counted and told", async () => {
        const disk = modelDisk()
        let goOn = nothing
        const still = new Promise<null>((resolve) => (goOn = () => resolve(null)))
        let stands = false
        const { audit, news } = await open({ on: cutting(disk, () => (stands ? still : null)) })
        audit.write(counted(1))
        await settled(audit)
        stands = true
        for (let i = 0; i < QUEUE_MOST + 500; i++) audit.write(counted(i))
        await Promise.resolve()
        expect(audit.health()).toMatchObject({ waiting: QUEUE_MOST, lost: 500, serial: 1 })
        expect(news).toEqual([{ trouble: "the disk does not keep up: entries are lost" }])
        stands = false
        goOn()
        await settled(audit)
        const { entries } = await readAll(audit, { ...ALL, filter: { ...EVERYTHING, kinds: ["lost"] } })
        expect(entries).toMatchObject([{ what: "lost", count: 500, since: NOW }])
        expect(news.at(-1)).toEqual({ trouble: null, lost: 500 })
        expect((await readAll(audit)).missing).toBe(0)
    })

    it("close() does not wait for a disk that stands still", async () => {
        const { audit } = await open({ on: cutting(modelDisk(), () => new Promise<never>(() => {})) })
        audit.write(counted(1))
        await audit.close()
        expect(audit.health()).toMatchObject({ serial: 0, waiting: 1 })
    })
})

/** The disk, with something to wait for after each step that changes it. */
function cutting(disk: ModelDisk, wait: () => Promise<null> | Promise<never> | null): Disk {
    const wired = { ...disk }
    for (const name of ["create", "write", "sync", "rename", "syncNames"] as const) {
        wired[name] = async (...args: never[]) => {
            const before = wait()
            if (before !== null) await before
            await Reflect.apply(disk[name], disk, args)
            const after = wait()
            if (after !== null) await after
        }
    }
    return wired
}

describe("file, in a process of its own", () => {
    let worker: Bundled
    beforeAll(() => {
        worker = bundleWorker("audit-worker")
    })
    afterAll(() => worker.remove())

    /** Runs the loop until it is dead; returns the last serial that it called durable. */
    function loop(diesAt: number, killAfter: number): Promise<number> {
        return new Promise((resolve, reject) => {
            const child = spawn(process.execPath, [worker.file, directory, "loop", String(diesAt)], {
                stdio: ["ignore", "pipe", "inherit"],
            })
            let printed = ""
            child.stdout.setEncoding("utf8").on("data", (text: string) => {
                printed += text
                if (printed.split("\n").length > killAfter) child.kill("SIGKILL")
            })
            child.once("error", reject)
            child.once("close", (_, signal) => {
                if (signal === "SIGKILL")
                    resolve(Number(/^(\d+)$/m.exec(printed.split("\n").slice(0, -1).at(-1) ?? "")?.[1] ?? 0))
                else reject(new Error(`it ended by itself:\n${printed}`))
            })
        })
    }

    it("loses nothing durable over 20 times SIGKILL, at every change of the disk and at any moment", async () => {
        let durable = 0
        for (let round = 0; round < 20; round++) {
            const byItself = round % 2 === 0
            durable = Math.max(
                durable,
                await loop(byItself ? 1 + 2 * round : 0, byItself ? 1e9 : 2 + ((round * 37) % 60)),
            )
            const { entries, missing } = await readAll({ read: (query) => readTrail(shelfOf(directory), query) })
            expect(missing).toBe(0)
            expect(entries.at(-1)?.serial ?? 0).toBeGreaterThanOrEqual(durable)
            for (const entry of entries) expect(entry).toMatchObject({ count: entry.serial })
        }
        expect(durable).toBeGreaterThan(200)
        expect(readdirSync(directory)).toHaveLength(OLDER_MOST + 1)
    }, 120_000)

    const rooted = process.getuid?.() === 0
    const why = rooted ? "" : " (needs root: it mounts file systems)"

    it.skipIf(!rooted)(
        `a full disk: what waits is written when there is room again, and the rest is counted${why}`,
        () => {
            const prepare = `mount -t tmpfs -o size=300k,mode=700 postern "$1"
            head -c 200k /dev/zero > "$1/filler"`
            expect(runMounted(worker, directory, prepare, "fill")).toMatch(
                /^after 0\ntrouble: ENOSPC: .*\ntold\nall there\n$/,
            )
        },
    )

    it.skipIf(!rooted)(`a disk that cannot be written: said once, and nobody waits for it${why}`, () => {
        const prepare = 'mount -t tmpfs -o ro,mode=700 postern "$1"'
        expect(runMounted(worker, directory, prepare, "stuck")).toMatch(/^after 0\ntrouble: EROFS: .*\nwaiting 1\n$/)
    })
})
