/**
 * The daemon's journal on disks that are full, that turn read-only, and that return something else than was written:
 * the built program on a real file system. Doors open all the same, what cannot be known is refused and told, and all is
 * well when the disk is.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { openJournal } from "../../src/adapters/store/journal.ts"
import { openDisk } from "../../src/adapters/system/disk.ts"
import { parseAddress } from "../../src/core/net/address.ts"
import { encodeBlocks } from "../../src/core/store/block.ts"
import type { Store } from "../../src/ports/store.ts"
import { account } from "../lab/account.ts"
import { type Daemon, eventually, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { listenOn, type Outsider, startOutsider } from "../lab/outside.ts"
import { makeProgram, type Program } from "../lab/program.ts"
import { mountSmallDisk, type SmallDisk } from "../lab/small-disk.ts"

const HITS = [32144, 21312, 27015]
const BLOCK = 512
/** Blocks of a journal that is as small as they are. */
const BLOCKS = 1024
const LATER = Number.MAX_SAFE_INTEGER - 1

let lab: Lab<"knocker">
let outsider: Outsider
let state: string
let program: Program
let tests = 0
const daemons: Daemon[] = []
const disks: SmallDisk[] = []

beforeAll(async () => {
    lab = makeLab(["knocker"])
    outsider = await startOutsider(lab)
    await listenOn(lab, [22])
})

beforeEach(() => {
    const own = join(lab.scratch, `test-${++tests}`)
    state = join(own, "state")
    mkdirSync(state, { recursive: true, mode: 0o700 })
    chmodSync(state, 0o700)
    program = makeProgram(own)
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    for (const disk of disks.splice(0)) disk.remove()
    lab.gateway.exec(["nft", "delete table inet postern"])
})

afterAll(() => lab?.remove())

/** A door that opens, is hidden, and runs programs that write down what they do. */
const door = (after = "100ms") => `
[gateway]
state = "${state}"
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "1h"
hide  = true
  [door.sequence]
  hits = [${HITS.map((port) => `"${port}:udp"`).join(", ")}]
${program.command(after)}`

const ran = () => program.ran()

async function start(configuration: string, disk: SmallDisk | null, until: RegExp | null = /ready$/): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration, { until, wrap: disk?.inside ?? [] })
    daemons.push(daemon)
    return daemon
}

async function mount(size: number): Promise<SmallDisk> {
    const disk = await mountSmallDisk(state, lab.scratch, size)
    disks.push(disk)
    return disk
}

/** Knocks as `source` and waits until it may come in. */
async function comeIn(source: string, daemon: Daemon): Promise<void> {
    outsider.knock(source, HITS)
    await daemon.log.waitFor(new RegExp(`${source}: open: tcp/22`))
    outsider.keepTrying(source, source, 22)
    expect(await eventually(async () => (await outsider.tries())[source]!.open > 0)).toBe(true)
    outsider.rest(source)
}

const said = (daemon: Daemon) => daemon.log.all.join("\n")

/** Who came in, and what became of programs, as the log has it. */
function figures(daemon: Daemon): string {
    const lines = (what: RegExp) => daemon.log.all.filter((line) => what.test(line)).length
    const programs = `${lines(/: running start/)} programs run, ${lines(/start was not run/)} not run and told`
    return `${lines(/: open: /)} knocks let in, ${programs}`
}

async function use<T>(directory: string, act: (store: Store) => Promise<T>): Promise<T> {
    const opening = await openJournal(directory, () => Date.now())
    if (!opening.ok) throw new Error(opening.detail)
    try {
        return await act(opening.store)
    } finally {
        await opening.store.close()
    }
}

describe("a full disk", () => {
    it("that has no room for a journal: ports are hidden and doors open, without programs until there is room", async () => {
        const disk = await mount(2 << 20)
        disk.fill(0)
        const daemon = await start(door(), disk)
        expect(said(daemon)).toMatch(/state: .* cannot be used: ENOSPC: no space left on device/)
        expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        await comeIn("10.99.0.1", daemon)
        await daemon.log.waitFor(/10\.99\.0\.1: start was not run: cannot note its stop: ENOSPC/)
        const ask = (...args: readonly string[]) =>
            lab.gateway.exec([POSTERN, ...args, "--socket", daemon.socket]).stdout
        expect(ask("status")).toMatch(/journal +cannot be used: ENOSPC/)
        expect(ask("state")).toMatch(/journal +cannot be used: ENOSPC/)
        expect(ask("metrics")).toMatch(/^postern_journal_failing 1$/m)
        const doctor = ask("doctor", "--config", daemon.file)
        expect(doctor).toMatch(/^broken: the journal: .*ENOSPC.* \[daemon-trouble\]$/m)
        expect(doctor).toMatch(/^note: the daemon said: .*ENOSPC.* \[daemon-said\]$/m)
        disk.fill(null)
        await daemon.log.waitFor(/state: .* can be used now/, { timeout: 60_000 })
        await comeIn("10.99.0.2", daemon)
        expect(await eventually(() => ran().includes("stop 10.99.0.2"))).toBe(true)
        expect(ran()).toEqual(["start 10.99.0.2", "stop 10.99.0.2"])
        expect(ask("metrics")).toMatch(/^postern_journal_failing 0$/m)
        // What happened meanwhile is not missing in the audit trail.
        expect(await eventually(() => ask("log").includes("10.99.0.1: open"))).toBe(true)
        account(`full disk, from the start: ${figures(daemon)}`)
        expect(ask("log", "--json").trim().split("\n")[0]).toMatch(/"what":"started"/)
    })

    it("does not matter until the journal is full; then doors open without programs, and all is well again with room", async () => {
        const disk = await mount(4 << 20)
        // A journal with room for a few notes more, and none on the disk for the next one.
        await use(disk.path(), async (store) => {
            await store.claim("id-0", LATER, LATER)
            disk.fill(0)
            for (let i = 1; i < BLOCKS - 12; i++) await store.claim(`id-${i}`, LATER, LATER)
        })
        const daemon = await start(door(), disk)
        await comeIn("10.99.0.1", daemon)
        expect(await eventually(() => ran().includes("stop 10.99.0.1"))).toBe(true)
        const unnoted = /start was not run: cannot note its stop: ENOSPC/
        for (let n = 2; n < 50 && !unnoted.test(said(daemon)); n++) {
            await comeIn(`10.99.0.${n}`, daemon)
            // What is asked for at one time shares a block.
            await daemon.log.waitFor(new RegExp(`10\\.99\\.0\\.${n}: (running stop|start was not run)`))
        }
        expect(said(daemon)).toMatch(unnoted)
        expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        const before = ran().filter((line) => line.startsWith("start")).length
        disk.fill(null)
        await comeIn("10.99.0.99", daemon)
        expect(await eventually(() => ran().includes("stop 10.99.0.99"))).toBe(true)
        expect(ran().filter((line) => line.startsWith("start"))).toHaveLength(before + 1)
        account(`disk that fills up: ${figures(daemon)}`)
        expect(await daemon.stop()).toBe(0)
        await use(disk.path(), async (store) => {
            expect(store.pending()).toEqual([])
            expect(await store.claim("id-7", LATER, LATER)).toMatchObject({ ok: false, code: "used" })
        })
    })
})

describe("a disk that turns read-only", () => {
    it("while the daemon runs: doors open, programs do not, and it is told; the next daemon does the same", async () => {
        const disk = await mount(4 << 20)
        const daemon = await start(door("1h"), disk)
        await comeIn("10.99.1.1", daemon)
        expect(await eventually(() => ran().length === 1)).toBe(true)
        disk.turnReadOnly()
        await comeIn("10.99.1.2", daemon)
        await daemon.log.waitFor(/start was not run: cannot note its stop: EROFS/)
        await comeIn("10.99.1.3", daemon)
        expect(ran()).toEqual(["start 10.99.1.1"])
        expect(await untilPort("refused", lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        expect(await daemon.stop()).toBe(0)
        const next = await start(door("1h"), disk)
        expect(said(next)).toMatch(/state: .* cannot be used: EROFS: read-only file system/)
        await comeIn("10.99.1.4", next)
        expect(ran()).toEqual(["start 10.99.1.1"])
        expect(await next.stop()).toBe(0)
        account(`disk that turns read-only: ${figures(daemon)}; next daemon: ${figures(next)}`)
        // What it hid stays hidden.
        expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
    })
})

/** Nothing but a door with a `stop` takes the directory. */
const withIt = () => door().replace("[gateway]\n", "[gateway]\naudit = false\n")
const without = () => withIt().replace(/ {2}\[door\.command\][\s\S]*/, "")

/** Asks for it; how that went. */
function reload(daemon: Daemon) {
    writeFileSync(daemon.file, withIt())
    return lab.gateway.exec([POSTERN, "reload", "--socket", daemon.socket])
}

describe("a reload that has come to need a directory", () => {
    /** What is wrong with it, what is said of that, and what makes it right. */
    const UNUSABLE: Readonly<
        Record<string, (path: string) => { readonly said: string; readonly mend: () => unknown }>
    > = {
        "that is a file": (path) => {
            rmSync(path, { recursive: true })
            writeFileSync(path, "")
            return { said: "ENOTDIR", mend: () => rmSync(path) }
        },
        "that others can write to": (path) => {
            chmodSync(path, 0o777)
            return { said: "others can write to", mend: () => chmodSync(path, 0o700) }
        },
        "that belongs to another": (path) => {
            chownSync(path, 65_534, 65_534)
            return { said: "belongs to another user", mend: () => chownSync(path, 0, 0) }
        },
        "that another process has": (path) => {
            const other = openDisk(path)
            return { said: "another process has it", mend: () => other?.close() }
        },
        "whose journal is of a later version": (path) => {
            const journal = join(path, "journal")
            writeFileSync(journal, encodeBlocks(["postern-journal 2"], 0))
            return { said: "written by a later postern", mend: () => rmSync(journal) }
        },
    }

    it.each(Object.keys(UNUSABLE))("%s: is refused, what was goes on, and it is made when it can be", async (kind) => {
        const daemon = await start(without(), null)
        // What hides is saved there a moment later, and would make it again.
        expect(await eventually(() => existsSync(join(state, "hide.nft")))).toBe(true)
        const { said: why, mend } = UNUSABLE[kind]!(state)
        outsider.knock("10.99.4.1", HITS.slice(0, 2))
        await daemon.log.waitFor(/10\.99\.4\.1: stage 2 of 3/)
        const before = readFileSync(daemon.file, "utf8")
        const { status, stdout, stderr } = reload(daemon)
        expect([status, stdout]).toEqual([1, ""])
        expect(stderr).toContain(why)
        await daemon.log.waitFor(/not reloaded \(.*\): it failed: nothing has changed/)
        expect(stderr).toContain(`state: ${state} cannot be used: `)
        outsider.knock("10.99.4.1", HITS.slice(2))
        await daemon.log.waitFor(/10\.99\.4\.1: open: tcp\/22/)
        await comeIn("10.99.4.2", daemon)
        account(`reload that needs a directory ${kind}: refused; ${figures(daemon)} meanwhile`)
        expect(ran()).toEqual([])
        expect(before).not.toContain("door.command")
        await mend()
        expect(reload(daemon).status).toBe(0)
        await comeIn("10.99.4.3", daemon)
        expect(await eventually(() => ran().includes("stop 10.99.4.3"))).toBe(true)
        expect(await daemon.stop()).toBe(0)
    })

    it("on a disk that has turned read-only: is refused, and doors go on", async () => {
        const disk = await mount(2 << 20)
        const daemon = await start(without(), disk)
        disk.turnReadOnly()
        const { status, stderr } = reload(daemon)
        expect(status).toBe(1)
        expect(stderr).toMatch(/cannot be used: EROFS/)
        await comeIn("10.99.4.4", daemon)
        expect(ran()).toEqual([])
        expect(await daemon.stop()).toBe(0)
    })

    it("that is not there makes it; and one whose journal is damaged goes on as a start does, and says so", async () => {
        rmSync(state, { recursive: true })
        const daemon = await start(without(), null)
        expect(reload(daemon).status).toBe(0)
        await comeIn("10.99.4.5", daemon)
        expect(await eventually(() => ran().includes("stop 10.99.4.5"))).toBe(true)
        expect(await daemon.stop()).toBe(0)
        rmSync(join(state, "journal"))
        const next = await start(without(), null)
        writeFileSync(join(state, "journal"), Buffer.alloc(5 * BLOCK, 7))
        expect(reload(next).status).toBe(0)
        await next.log.waitFor(/error: state: the journal was damaged: .* A copy is .*journal\.damaged/)
        await comeIn("10.99.4.6", next)
        expect(await eventually(() => ran().includes("stop 10.99.4.6"))).toBe(true)
        expect(await next.stop()).toBe(0)
    })
})

/** What can become of a file. `random`: 0 to 1. */
const DAMAGES: Readonly<Record<string, (bytes: Buffer, random: (below: number) => number) => Buffer>> = {
    "one bit": (bytes, random) => flip(bytes, random(bytes.length), random(8)),
    "many bits": (bytes, random) => {
        for (let i = 0; i < 40; i++) flip(bytes, random(40 * BLOCK), random(8))
        return bytes
    },
    "cut short": (bytes, random) => bytes.subarray(0, random(bytes.length)),
    "a page of zeros": (bytes, random) => bytes.fill(0, BLOCK * random(40)).subarray(0, bytes.length),
    "a block twice": (bytes, random) => {
        bytes.copyWithin(BLOCK * random(40), BLOCK * random(40), BLOCK * 40)
        return bytes
    },
    "bytes behind its end": (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random(2000) + 1, 7)]),
    "nothing in it": () => Buffer.alloc(0),
    "random bytes": (bytes, random) => Buffer.from(bytes.map(() => random(256))),
    "a later version's first line, half": (bytes) => {
        bytes.write("postern-journal 2", 12)
        return bytes
    },
}

function flip(bytes: Buffer, at: number, bit: number): Buffer {
    bytes[at]! ^= 1 << bit
    return bytes
}

describe("a damaged journal", () => {
    it.each(Object.keys(DAMAGES))(
        "%s: said, nothing is taken twice, and what can be read of stop programs runs",
        async (kind) => {
            let seed = 7
            const random = (below: number) => {
                seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
                return Math.floor((seed / 2 ** 32) * below)
            }
            const rounds = kind.endsWith("bit") || kind.endsWith("bits") || kind === "cut short" ? 3 : 1
            for (let round = 0; round < rounds; round++) {
                rmSync(join(state, "journal"), { force: true })
                rmSync(program.trace, { force: true })
                const newcomer = `10.99.3.${round + 1}`
                const sources = Array.from({ length: 10 }, (_, i) => `10.99.2.${i + 1}`)
                const due = Date.now() + 1
                await use(state, async (store) => {
                    for (const source of sources) {
                        const address = parseAddress(source)!
                        await store.claim(`id-${source}`, Date.now() + 1, LATER)
                        expect(await store.note({ door: "ssh", source: address }, due)).toEqual({ ok: true })
                        await store.raise("counter", Number(source.split(".")[3]), Date.now() + 1)
                    }
                })
                const path = join(state, "journal")
                const whole = readFileSync(path)
                const harmed = DAMAGES[kind]!(Buffer.from(whole), random)
                writeFileSync(path, harmed)
                // Each note stands in a block of its own, here.
                const blocks = (bytes: Buffer) =>
                    Array.from({ length: 60 }, (_, i) => bytes.subarray(i * BLOCK, (i + 1) * BLOCK).toString("latin1"))
                const intact = new Set(blocks(harmed))
                const readable = sources.filter((source) =>
                    blocks(whole).some((block) => intact.has(block) && block.includes(`stop ${due} ${source} ssh`)),
                )
                const daemon = await start(door(), null)
                expect(said(daemon)).toMatch(/error: state: the journal was damaged: .* A copy is .*journal\.damaged/)
                expect(said(daemon)).not.toMatch(/TypeError|RangeError| {4}at /)
                const wanted = readable.map((source) => `stop ${source}`).sort()
                expect(await eventually(() => ran().length >= wanted.length)).toBe(true)
                await comeIn(newcomer, daemon)
                expect(await eventually(() => ran().includes(`stop ${newcomer}`))).toBe(true)
                expect(await daemon.stop()).toBe(0)
                expect(
                    ran()
                        .filter((line) => line.startsWith("stop 10.99.2."))
                        .sort(),
                ).toEqual(wanted)
                await use(state, async (store) => {
                    expect(store.health().why).toBe("damage")
                    account(
                        `damaged journal (${kind}): ${readable.length} of 10 stops could be read and ran, 0 of 20 claims and counters taken twice`,
                    )
                    for (const source of sources) {
                        const again = await store.claim(`id-${source}`, due, LATER)
                        expect(again.ok ? "ok" : again.code).toMatch(/^(used|unsure)$/)
                        const counted = await store.raise("counter", Number(source.split(".")[3]), due)
                        expect(counted.ok ? "ok" : counted.code).toMatch(/^(used|unsure)$/)
                    }
                })
            }
        },
    )
})
