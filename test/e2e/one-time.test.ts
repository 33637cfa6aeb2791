/**
 * One-time sequences with real packets and a real kernel: each opens its door once, for whoever has it, whatever happens to
 * the daemon, its disk and its clock meanwhile.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Daemon, eventually, type Host, knockPlainly, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { type Name, oneTimeConfiguration, sequenceOf, writeKnocker } from "../lab/one-time.ts"
import { statusOf } from "../lab/siege.ts"

const SSH = {
    door: "ssh",
    length: 3,
    protocols: ["tcp", "udp", "icmp"],
    services: [{ protocol: "tcp", port: 2222 }],
} as const

let lab: Lab<"knocker" | "scanner">
let knocker: Host
let state: string
let users: string
let tests = 0
const daemons: Daemon[] = []

beforeAll(() => {
    lab = makeLab(["knocker", "scanner"])
    knocker = lab.hosts.knocker
})
beforeEach(() => {
    const own = join(lab.scratch, `one-time-${++tests}`)
    state = join(own, "state")
    users = join(own, "users.d")
    writeKnocker(users, "anna")
    writeKnocker(users, "bert")
})
afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
})
afterAll(() => lab?.remove())

const configuration = () =>
    oneTimeConfiguration({
        gateway: lab.gateway.v4,
        users,
        state,
        opens: "tcp/2222",
        // Longer than a busy machine takes from a knock to a look at what it has opened.
        open: "20s",
        draws: 'length = 3\nwindow = 5\nprotocols = ["tcp", "udp", "icmp"]',
    })

async function start(until: RegExp | null = /\bready\b/): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration(), { until })
    daemons.push(daemon)
    return daemon
}

/** Waits until sequences are there. */
async function usable(daemon: Daemon): Promise<void> {
    expect(await eventually(async () => (await statusOf(daemon)).oneTime?.waitsFor === null)).toBe(true)
}

function ask(daemon: Daemon, ...words: readonly string[]): string {
    return lab.gateway.must([POSTERN, ...words, "--socket", daemon.socket])
}

const hits = (name: Name, counter: number, generation = 0) => sequenceOf(state, SSH, name, counter, generation)

function knock(sequence: readonly string[]): void {
    knockPlainly(knocker, lab.gateway.v4, sequence)
}

/** A door that is open already stays so for longer. */
const OPEN = /: open(?: for longer)?: tcp\/2222/
/** How often the door was opened, as the log says. */
const opened = (daemon: Daemon) => daemon.log.all.filter((line) => OPEN.test(line)).length

async function opens(daemon: Daemon, sequence: readonly string[], who: string): Promise<void> {
    const before = daemon.log.all.length
    knock(sequence)
    expect(await eventually(() => daemon.log.all.slice(before).some((line) => line.includes(`(${who}): open`)))).toBe(
        true,
    )
}

async function opensNothing(daemon: Daemon, sequence: readonly string[]): Promise<void> {
    const [before, packets] = [opened(daemon), await delivered(daemon)]
    knock(sequence)
    // Each of its hits may begin a sequence, so the daemon has seen all of them, and what it opens it has opened by then.
    expect(await eventually(async () => (await delivered(daemon)) >= packets + sequence.length)).toBe(true)
    expect(opened(daemon)).toBe(before)
}

const delivered = async (daemon: Daemon): Promise<number> => (await statusOf(daemon)).counters.delivered

/** What `status` says of anna. */
function anna(daemon: Daemon): { next?: number; used?: number | null } {
    const { oneTime } = JSON.parse(ask(daemon, "status", "--json"))
    const members: { knocker: string; next: number; used: number | null }[] = oneTime.members
    return members.find(({ knocker }) => knocker === "anna") ?? {}
}

describe("one-time sequences", () => {
    it("open once each, for each of two knockers, who are named; and what was skipped opens nothing", async () => {
        const daemon = await start()
        await usable(daemon)
        await opens(daemon, hits("anna", 0), "anna")
        await opensNothing(daemon, hits("anna", 0))
        await opens(daemon, hits("bert", 0), "bert")
        await opens(daemon, hits("anna", 3), "anna")
        for (const skipped of [1, 3]) await opensNothing(daemon, hits("anna", skipped))
        await opensNothing(daemon, hits("anna", 9))
        await opens(daemon, hits("anna", 8), "anna")
        const status = JSON.parse(ask(daemon, "status", "--json"))
        expect(status.grants).toMatchObject([{ door: "ssh", source: knocker.v4, by: "knock", knocker: "anna" }])
        expect(status.oneTime.members.map(({ knocker }: { knocker: string }) => knocker)).toEqual(["anna", "bert"])
        expect(ask(daemon, "status")).toMatch(/^ {2}anna +ssh +5 left +used .*\n {2}bert +ssh +5 left +used /m)
        const bert = ask(daemon, "log", "--knocker", "bert")
        expect(bert).toMatch(OPEN)
        expect(bert).toContain("(bert)")
        expect(bert).not.toContain("anna")
        expect(daemon.log.all.join("\n")).not.toMatch(new RegExp(hits("anna", 0)[0]!.split(":").join("|")))
    })

    it("are neither opened nor used up by scans of all ports, and let their knockers in meanwhile", async () => {
        const daemon = await start()
        await usable(daemon)
        const before = await delivered(daemon)
        const nmap = ["nmap", "-n", "-Pn", "-sS", "-T5", lab.gateway.v4]
        const orders = [["-p-"], ["-r", "-p", "10100-32000"]]
        const scans = Promise.all(
            orders.map((order) => lab.hosts.scanner.run([...nmap, ...order], { timeout: 120_000 })),
        )
        await opens(daemon, hits("anna", 0), "anna")
        for (const { status, stderr } of await scans) expect(status, stderr).toBe(0)
        await opens(daemon, hits("bert", 0), "bert")
        const { counters, oneTime } = JSON.parse(ask(daemon, "status", "--json"))
        // The scans met first hits of both.
        expect(counters.delivered).toBeGreaterThan(before + 10)
        expect(opened(daemon)).toBe(2)
        expect(oneTime.members).toHaveLength(2)
        for (const member of oneTime.members) expect(member).toMatchObject({ next: 1, left: 5 })
    })

    it("stay used after kill -9, and those to come are the same", async () => {
        const first = await start()
        await usable(first)
        const coming = hits("anna", 2)
        await opens(first, hits("anna", 1), "anna")
        const { used } = anna(first)
        const uses = () =>
            ask(first, "log", "--knocker", "anna", "--json")
                .split("\n")
                .filter((line) => line !== "").length
        await expect.poll(uses).toBeGreaterThan(0)
        await first.stop("SIGKILL")
        const second = await start()
        await usable(second)
        expect(hits("anna", 2)).toEqual(coming)
        // How many were used is in the journal, when that was is in the audit trail.
        await expect.poll(() => anna(second).used).toBeGreaterThan(used! - 2000)
        expect(anna(second)).toMatchObject({ next: 2 })
        await opensNothing(second, hits("anna", 1))
        await opens(second, coming, "anna")
    })

    it("of whom was removed open nothing from the reload on, and what they have opened ends", async () => {
        const daemon = await start()
        await usable(daemon)
        await opens(daemon, hits("bert", 0), "bert")
        rmSync(join(users, "bert.toml"))
        writeKnocker(users, "anna", 1)
        ask(daemon, "reload")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2 \(bert\): closed by a new configuration/)
        await usable(daemon)
        await opensNothing(daemon, hits("bert", 1))
        await opensNothing(daemon, hits("anna", 0))
        await opens(daemon, hits("anna", 0, 1), "anna")
        expect(ask(daemon, "revoke", "--knocker", "anna")).toBe("")
        await daemon.log.waitFor(/\(anna\): revoked by hand of user 0/)
    })

    it("are others with a new journal, and after a damaged master: nobody knows what was used", async () => {
        const first = await start()
        await usable(first)
        const old = hits("anna", 0)
        await opens(first, old, "anna")
        await first.stop()
        rmSync(join(state, "journal"))
        const second = await start()
        await usable(second)
        await second.log.waitFor(/a new master was made: the journal does not know/)
        expect(hits("anna", 0)).not.toEqual(old)
        await opensNothing(second, old)
        await opens(second, hits("anna", 0), "anna")
        await second.stop()
        const file = join(state, "one-time.master")
        writeFileSync(file, readFileSync(file, "latin1").replace(/key ./, "key z"))
        const third = await start()
        await usable(third)
        await third.log.waitFor(/a new master was made: the file of the old one was damaged/)
        await opens(third, hits("anna", 0), "anna")
    })
})
