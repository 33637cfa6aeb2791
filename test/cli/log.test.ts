/** `postern log` and `postern state`: wrong arguments, trails without a daemon, and a real daemon with a real knock. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { formatLine } from "../../src/core/audit/line.ts"
import { type Daemon, eventually, type Host, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { FACTS } from "../unit/core/audit/entries.ts"
import { session } from "./session.ts"

const reason = whyNoNamespaces()
const TIME = Date.UTC(2026, 2, 1, 16, 5, 31)
const line = (serial: number, kind: keyof typeof FACTS) =>
    formatLine({ serial, time: TIME + serial * 60_000, ...FACTS[kind] })
const TRAIL = {
    "trail/audit.1": line(3, "started") + line(4, "opened"),
    "trail/audit": `${line(5, "closed")}damage\n${line(7, "refused")}`,
}

describe("postern log", () => {
    it("finds wrong arguments before it asks", () => {
        session(
            {},
            `
            $ postern log --source 192.0.2.7/24
            ! postern: error: 192.0.2.7/24: not an address, nor a network whose bits after the prefix are 0
            ! postern: hint: such as 198.51.100.7, 198.51.100.0/24 or 2001:db8::/64: names are not looked up
            ? 2
            $ postern log --since yesterday
            ! postern: error: --since yesterday: not a moment
            ! postern: hint: such as 90m, 2d, 2026-03-01 or "2026-03-01 17:05"
            ? 2
            $ postern log --kind opened,shut
            ! postern: error: --kind shut: there is no such kind
            ! postern: hint: there are: opened, …
            ? 2
            $ postern log -n some
            ! postern: error: --lines some: not a number of entries
            ! postern: hint: such as --lines 20
            ? 2
            $ postern log --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            $ postern state --trust-from 2999-01-01
            ! postern: error: --trust-from 2999-01-01: not a moment of the past
            ! postern: hint: …
            ? 2
            $ postern state --socket nowhere
            ! postern: error: no daemon listens at nowhere
            ! postern: hint: is it running? …
            ! postern: hint: name another place …
            ? 1
            `,
        )
    })

    it("reads the files that a daemon has left, and says what is missing", () => {
        session(
            TRAIL,
            `
            $ postern log --state trail
            2026-03-01 16:08:31  postern 0.1.0 started (pid 812); the one before did not end cleanly
            2026-03-01 16:09:31  ssh: 198.51.100.7: open: tcp/22, udp/53 for …, until 22:13:50
            2026-03-01 16:10:31  ssh: 198.51.100.7: closed by a new configuration
            2026-03-01 16:12:31  ssh: 198.51.100.7: refused: the right knock, but as many grants …
            ! postern: warning: 1 entry cannot be read: files are damaged, or of a later version
            $ postern log --state trail -n 1 --json
            {"serial":7,"time":1772381551000,"what":"refused","door":"ssh","source":"198.51.100.7","knocker":"unknown","code":"grants"}
            $ postern log --state trail --door ssh --kind opened,closed --source 198.51.100.0/24 --until 2026-03-01T16:10 --json
            {"serial":4,…
            ! postern: warning: 1 entry cannot be read: …
            $ postern log --state trail --since 2027-01-01
            ! postern: warning: 1 entry cannot be read: …
            $ postern log --state nowhere
            ! postern: error: cannot read the audit trail in nowhere: there is no such directory
            ! postern: hint: no daemon has run with it; \`state\` in [gateway] says where it is
            ? 1
            `,
        )
    })

    it("follows files until Ctrl-C", async () => {
        const folder = mkdtempSync(join(tmpdir(), "postern-log-"))
        try {
            writeFileSync(join(folder, "audit"), line(1, "started"))
            const child = spawn(POSTERN, ["log", "--follow", "--state", folder])
            const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
            const lines = collectLines(child, child.stdout)
            await lines.waitFor(/started/)
            writeFileSync(join(folder, "audit"), line(2, "stopped"), { flag: "a" })
            await lines.waitFor(/postern stopped \(SIGTERM\)/)
            child.kill("SIGINT")
            expect(await ended).toBe(130)
            expect(lines.all.filter((text) => text !== "")).toHaveLength(2)
        } finally {
            rmSync(folder, { recursive: true })
        }
    })

    it("ends quietly with its reader", async () => {
        const folder = mkdtempSync(join(tmpdir(), "postern-log-"))
        try {
            writeFileSync(join(folder, "audit"), Array.from({ length: 5000 }, (_, i) => line(i + 1, "opened")).join(""))
            const child = spawn("sh", ["-c", `"${POSTERN}" log --state "${folder}" | head -n 1`])
            const said = collectLines(child, child.stderr)
            const lines = collectLines(child, child.stdout)
            expect(await new Promise((resolve) => child.once("close", (code) => resolve(code)))).toBe(0)
            expect(lines.all.filter((text) => text !== "")).toHaveLength(1)
            expect(said.all.join("")).toBe("")
        } finally {
            rmSync(folder, { recursive: true })
        }
    })
})

const HITS = ["32144", "21312:udp", "27015"]
const CONFIG = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "1s"
  [door.sequence]
  hits = ${JSON.stringify(HITS)}
`

describe.skipIf(reason !== null)(`beside a daemon${reason === null ? "" : ` (${reason})`}`, () => {
    let lab: Lab<"knocker">
    let gateway: Host
    let knocker: Host
    let daemon: Daemon
    let state: string
    let tests = 0

    beforeAll(() => {
        lab = makeLab(["knocker"])
        gateway = lab.gateway
        knocker = lab.hosts.knocker
    })
    beforeEach(() => {
        state = join(lab.scratch, `state-${++tests}`)
    })
    afterEach(async () => {
        await daemon?.stop()
        gateway.exec(["nft", "delete", "table", "inet", "postern"])
    })
    afterAll(() => lab?.remove())

    const start = async (more = "", doors = CONFIG) => {
        daemon = await lab.startDaemon(`[gateway]\nstate = "${state}"\n${more}\n${doors}`)
    }
    const postern = (...args: readonly string[]) => {
        const { status, stdout, stderr } = gateway.exec([POSTERN, ...args, "--socket", daemon.socket])
        return `${stdout}${stderr}${status === 0 ? "" : `? ${status}`}`.trim()
    }
    const kinds = () =>
        postern("log", "--json")
            .split("\n")
            .map((text): string => JSON.parse(text).what)

    it("log has a knock from its opening to its end, what was done by hand, and no hit", async () => {
        await start()
        knocker.must([POSTERN, "knock", gateway.v4, ...HITS])
        await daemon.log.waitFor(/closed on time/)
        postern("grant", "ssh", knocker.v4, "--for", "10m")
        postern("revoke", "--all")
        expect(await eventually(() => kinds().includes("revoked"))).toBe(true)
        expect(kinds()).toEqual(["started", "opened", "closed", "given", "revoked"])
        const text = postern("log", "--door", "ssh", "--source", knocker.v4)
        expect(text.split("\n")).toEqual([
            expect.stringMatching(/ssh: 10\.77\.0\.2: open: tcp\/22 for 1 s, until \d/),
            expect.stringMatching(/closed on time/),
            expect.stringMatching(/open by hand of user 0: tcp\/22/),
            expect.stringMatching(/revoked by hand of user 0/),
        ])
        for (const hit of HITS) expect(postern("log", "--json")).not.toContain(hit.split(":")[0])
        expect(postern("status", "--json")).toContain('"audit":{"serial":5,')
    })

    it("log says how the last daemon ended: killed, and then in good order", async () => {
        await start()
        expect(postern("log")).not.toContain("cleanly")
        await daemon.stop("SIGKILL")
        await start()
        expect(postern("log", "-n", "1")).toMatch(/started \(pid \d+\); the one before did not end cleanly$/)
        await daemon.stop()
        await start()
        expect(kinds()).toEqual(["started", "started", "stopped", "started"])
        expect(postern("log", "-n", "1")).toMatch(/started \(pid \d+\)$/)
    })

    it("log follows what comes, until the daemon ends", async () => {
        await start()
        const child = gateway.start([POSTERN, "log", "-f", "-n", "0", "--json", "--socket", daemon.socket])
        const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
        const lines = collectLines(child, child.stdout!)
        const told = collectLines(child, child.stderr!)
        // It has connected when it has asked: then what is written later is what comes.
        expect(await eventually(() => postern("status", "--json").includes('"audit"'))).toBe(true)
        let granted = 0
        expect(
            await eventually(() => {
                postern("grant", "ssh", `192.0.2.${++granted % 250}`)
                return lines.all.some((one) => one.includes('"given"'))
            }),
        ).toBe(true)
        await daemon.stop()
        expect(await ended).toBe(1)
        expect(told.all.join("\n")).toMatch(/the daemon ended the connection|no daemon listens/)
    })

    it("without an audit trail log says so; state says what there is", async () => {
        await start("audit = false")
        expect(postern("log")).toBe(
            "postern: error: the daemon keeps no audit trail\npostern: hint: see `audit` in [gateway], and the daemon's log\n? 1",
        )
        expect(postern("state")).toBe(`state    ${state}\njournal  none: no door needs one\naudit    none is kept`)
        expect(postern("state", "--trust-from", "now")).toContain("the daemon keeps no journal")
    })

    it("state lets an operator decide from when on what is not known to be used may be used", async () => {
        const stops = `${CONFIG}
              [door.command]
              start = ["/bin/true"]
              stop = ["/bin/true"]`
        await start("", stops)
        const before = JSON.parse(postern("state", "--json")).journal
        expect(before).toMatchObject({ why: "new", trouble: null })
        expect(postern("state", "--trust-from", "2026-03-01")).toMatch(
            /postern: warning: what was used before and is not known to be used can be used once more/,
        )
        const { since, why } = JSON.parse(postern("state", "--json")).journal
        expect([since < before.since, why]).toEqual([true, "operator"])
        expect(postern("state", "--trust-from", "now")).not.toContain("warning")
        expect(kinds().filter((kind) => kind === "trust")).toHaveLength(2)
        await daemon.log.waitFor(/user 0 has decided: what may have been used before .* is refused/)
    })

    it("a state directory that cannot be used, and a door with a stop program: state and status say what is wrong", async () => {
        writeFileSync(state, "no directory")
        await start("", `${CONFIG}[door.command]\nstart = ["/bin/true"]\nstop = ["/bin/true"]`)
        expect(postern("state").split("\n")).toEqual([
            `state    ${state}`,
            "audit    entries up to 0, 0 B",
            expect.stringMatching(/^journal {2}cannot be used: E/),
            expect.stringMatching(/^audit {4}cannot be written: E.*: \d+ entries wait$/),
        ])
        expect(JSON.parse(postern("state", "--json")).journal).toMatchObject({ why: "away", stops: 0 })
        expect(postern("status")).toMatch(/journal +cannot be used: E/)
        expect(postern("state", "--trust-from", "now")).toMatch(/\? 1$/)
        expect(postern("log")).toMatch(/\? 1$/)
    })

    it("a state directory that cannot be used: a warning, guarded doors, and a trail when it can", async () => {
        writeFileSync(state, "no directory")
        await start()
        expect(daemon.log.all.join("\n")).toMatch(/audit: .* cannot be used: .*: entries wait/)
        expect(postern("log")).toMatch(/the daemon could not do it: .*\n\? 1$/)
        // That is no mistake of the daemon's.
        expect(daemon.log.all.join("\n")).not.toContain("log failed")
        knocker.must([POSTERN, "knock", gateway.v4, ...HITS])
        await daemon.log.waitFor(/: open: /)
        rmSync(state)
        await daemon.log.waitFor(/audit: .* can be used now: entries are written/)
        expect(await eventually(() => kinds().includes("opened"))).toBe(true)
        expect(kinds()[0]).toBe("started")
    })
})
