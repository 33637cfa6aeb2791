/**
 * A daemon that can open no more files, and clients of its control socket that hang, talk nonsense or come in hundreds:
 * doors open all the same, what cannot be done is told, and all is well again afterwards.
 */
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { openJournal } from "../../src/adapters/store/journal.ts"
import { account } from "../lab/account.ts"
import { type Daemon, type DaemonOptions, eventually, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { listenOn, type Outsider, startOutsider } from "../lab/outside.ts"
import { makeProgram, type Program } from "../lab/program.ts"
import { mountSmallDisk, type SmallDisk } from "../lab/small-disk.ts"

const HITS = [32144, 21312, 27015]
const LATER = Number.MAX_SAFE_INTEGER - 1

let lab: Lab<"knocker">
let outsider: Outsider
let state: string
let program: Program
let tests = 0
let sources = 0
let disk: SmallDisk | null = null
const daemons: Daemon[] = []

beforeAll(async () => {
    lab = makeLab(["knocker"])
    outsider = await startOutsider(lab)
    await listenOn(lab, [22])
})

beforeEach(() => {
    const own = join(lab.scratch, `test-${++tests}`)
    state = join(own, "state")
    mkdirSync(state, { recursive: true, mode: 0o700 })
    program = makeProgram(own)
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    disk?.remove()
    disk = null
    lab.gateway.exec(["nft", "delete table inet postern"])
})

afterAll(() => lab?.remove())

const door = () => `
[gateway]
state = "${state}"
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "1h"
hide  = true
  [door.sequence]
  hits = [${HITS.map((port) => `"${port}:udp"`).join(", ")}]
${program.command("100ms")}`

const ran = () => program.ran()

async function start(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = await lab.startDaemon(door(), options)
    daemons.push(daemon)
    return daemon
}

/** Somebody new knocks, and comes in. Returns who. */
async function comeIn(daemon: Daemon): Promise<string> {
    const source = `10.99.0.${++sources}`
    outsider.knock(source, HITS)
    await daemon.log.waitFor(new RegExp(`${source}: open: tcp/22`))
    outsider.keepTrying(source, source, 22)
    expect(await eventually(async () => (await outsider.tries())[source]!.open > 0)).toBe(true)
    outsider.rest(source)
    return source
}

/** No new file for this process, or as many as it wants (null). */
function limitFiles({ pid }: Daemon, most: number | null): void {
    lab.gateway.must(["prlimit", `--pid=${pid}`, `--nofile=${most ?? 1024}:4096`])
}

/** The lowest number that its next file would have. */
function nextFile({ pid }: Daemon): number {
    const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
    let next = 0
    while (taken.has(next)) next++
    return next
}

const asks = (daemon: Daemon) => lab.gateway.exec([POSTERN, "status", "--json", "--socket", daemon.socket]).status

describe("a daemon that can open no more files", () => {
    it("opens doors, tells that programs cannot be run, and runs them and answers again when it can", async () => {
        const daemon = await start()
        const first = await comeIn(daemon)
        expect(await eventually(() => ran().includes(`stop ${first}`))).toBe(true)
        const refused = () => {
            limitFiles(daemon, nextFile(daemon))
            return asks(daemon) !== 0
        }
        expect(await eventually(refused)).toBe(true)
        const second = await comeIn(daemon)
        await daemon.log.waitFor(new RegExp(`${second}: start: could not be run: .*EMFILE`))
        await daemon.log.waitFor(new RegExp(`${second}: stop: cannot be run yet, and is tried again: .*EMFILE`))
        const third = await comeIn(daemon)
        limitFiles(daemon, null)
        const last = await comeIn(daemon)
        expect(await eventually(() => ran().includes(`stop ${last}`))).toBe(true)
        expect(await eventually(() => asks(daemon) === 0)).toBe(true)
        // What must run has waited.
        for (const source of [second, third]) {
            expect(await eventually(() => ran().includes(`stop ${source}`))).toBe(true)
        }
        expect(ran()).toHaveLength(6)
        account(
            `no descriptor left: ${ran().filter((line) => line.startsWith("stop")).length} stop programs run in the end, of ${sources} who came in`,
        )
        expect(await daemon.stop()).toBe(0)
    })

    it("and whose journal is full just then, runs no program that it could not note, and goes on", async () => {
        disk = await mountSmallDisk(state, lab.scratch, 4 << 20)
        const opening = await openJournal(disk.path(), () => Date.now())
        if (!opening.ok) throw new Error(opening.detail)
        await opening.store.claim("id-0", LATER, LATER)
        // A journal is written anew before it is full, and at start, if there is room for it.
        disk.fill(0)
        for (let i = 1; i < 1012; i++) await opening.store.claim(`id-${i}`, LATER, LATER)
        await opening.store.close()
        const daemon = await start({ wrap: disk.inside })
        disk.fill(null)
        limitFiles(daemon, nextFile(daemon))
        const unnoted = /start was not run: cannot note its stop: EMFILE/
        for (let i = 0; i < 50 && !unnoted.test(daemon.log.all.join("\n")); i++) {
            const source = await comeIn(daemon)
            await daemon.log.waitFor(new RegExp(`${source}: (stop: cannot be run yet|start was not run)`))
        }
        expect(daemon.log.all.join("\n")).toMatch(unnoted)
        limitFiles(daemon, null)
        const last = await comeIn(daemon)
        expect(await eventually(() => ran().includes(`stop ${last}`))).toBe(true)
        expect(await daemon.stop()).toBe(0)
    })

    it("from the beginning says what it could not do, or works, and does not crash", async () => {
        let worked = 0
        // With fewer Node.js itself does not begin.
        for (const most of [22, 24, 28, 40]) {
            const daemon = await start({ wrap: ["prlimit", `--nofile=${most}`, "--"], until: null })
            const ready = () => daemon.log.all.some((line) => line.endsWith(" ready"))
            let code: number | null | undefined
            void daemon.ended.then((ended) => (code = ended))
            expect(await eventually(() => ready() || code !== undefined)).toBe(true)
            if (ready()) {
                worked++
                await comeIn(daemon)
                code = await daemon.stop()
                expect(code).toBe(0)
            } else {
                expect([1, 3, 6, 7]).toContain(code)
                expect(daemon.log.all.join("\n")).toMatch(/EMFILE|too many open files|rror/i)
            }
        }
        expect(worked).toBeGreaterThan(0)
        account(`few descriptors from the start: 4 daemons, ${worked} worked, the others said why not`)
    })
})

/** Clients that connect, do something, and are forgotten. */
class Crowd {
    readonly #path: string
    readonly #sockets = new Set<Socket>()
    refused = 0

    constructor(path: string) {
        this.#path = path
    }

    /** One more; `act` is done when it is connected. */
    come(act: (socket: Socket) => void): void {
        const socket = connect(this.#path)
        this.#sockets.add(socket)
        socket.on("error", () => {})
        socket.once("close", () => {
            this.#sockets.delete(socket)
            this.refused++
        })
        socket.once("connect", () => act(socket))
    }

    leave(): void {
        for (const socket of this.#sockets) socket.destroy()
    }
}

/** What nobody should say. `n`: which of these it is, for those that differ. */
const NONSENSE: Readonly<Record<string, (socket: Socket, n: number) => void>> = {
    "half a line": (socket) => socket.write('{"postern":1,"ask":"sta'),
    "a line of four MB": (socket) => socket.write("x".repeat(4 << 20)),
    NULs: (socket) => socket.write(Buffer.alloc(3000)),
    "what is no UTF-8": (socket) => socket.write(Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0x0a, 0xed, 0xa0, 0x80, 0x0a])),
    nothing: () => {},
    "many questions, and no ear for the answers": (socket) => {
        socket.pause()
        socket.write('{"postern":1,"ask":"status"}\n'.repeat(20_000))
    },
    "byte by byte": (socket, n) => {
        for (const byte of Buffer.from(`{"postern":${n},"ask":"grant"}\n`)) socket.write(Buffer.of(byte))
    },
    "JSON of any kind": (socket, n) => socket.write(`${JSON.stringify(anything(n))}\n`),
    "goes at once": (socket) => socket.destroy(),
    "deep brackets": (socket) => socket.write(`${"[".repeat(4000)}\n`),
}

/** A value that looks like a request, or does not: each number its own. */
function anything(n: number): unknown {
    const parts: readonly unknown[] = [
        1,
        0,
        -1,
        1e308,
        null,
        true,
        "",
        "ssh",
        "0.0.0.0/0",
        "10.99.0.1",
        [],
        {},
        [[1]],
        "\u0000",
        "__proto__",
    ]
    const pick = (salt: number) => parts[(Math.imul(n + salt, 0x9e3779b1) >>> 28) & 15] ?? { toString: 1 }
    const asks = ["status", "grant", "revoke", "reload", "", pick(1)]
    return {
        postern: n % 3 === 0 ? pick(2) : 1,
        ask: asks[n % asks.length],
        door: pick(3),
        source: pick(4),
        for: pick(5),
        [n % 7 === 0 ? "more" : "all"]: pick(7),
    }
}

describe("clients of the control socket", () => {
    it(`that hang and talk nonsense, 1 000 at a time: doors open, and memory does not grow`, async () => {
        const daemon = await start()
        const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))![1])
        const kinds = Object.values(NONSENSE)
        let [n, refused] = [0, 0]
        const round = async (clients: number) => {
            const crowd = new Crowd(daemon.socket)
            for (let i = 0; i < clients; i++) {
                const act = kinds[n++ % kinds.length]!
                const number = n
                crowd.come((socket) => act(socket, number))
                if (i % 50 === 0) await comeIn(daemon)
            }
            await comeIn(daemon)
            refused += crowd.refused
            crowd.leave()
            expect(await eventually(() => asks(daemon) === 0)).toBe(true)
        }
        await round(1000)
        const before = memory()
        for (let i = 0; i < 4; i++) await round(500)
        // Ratios with room for what a garbage collector has not looked at.
        expect(memory() / before).toBeLessThan(1.5)
        expect(refused).toBeGreaterThan(1000)
        account(
            `control clients that hang or talk nonsense: ${n}, hung up on ${refused}; ${sources} knocked until now, ${sources} let in`,
        )
        expect(daemon.log.all.filter((line) => /TypeError|RangeError|uncaught|control: \S+ failed/.test(line))).toEqual(
            [],
        )
        // Nobody has been let in, or out, by nonsense.
        expect(daemon.log.all.filter((line) => /by hand|revoked|took back/.test(line))).toEqual([])
        expect(await daemon.stop()).toBe(0)
    })
})
