/**
 * `postern run` as the one who starts it sees it: exit codes, signals, where its words go, and what becomes of it when
 * nobody can read them. The built program, in network namespaces of our own.
 */
import type { ChildProcess } from "node:child_process"
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { controlClient } from "../../src/adapters/control/client.ts"
import { parseAddress } from "../../src/core/net/address.ts"
import { eventually, type Host, type Lab, listTable, makeLab, POSTERN, withState } from "../lab/lab.ts"
import { collectLines, type Lines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { copyProgram } from "../lab/privilege.ts"

const reason = whyNoNamespaces()
const HITS = ["32144", "21312:udp", "27015"]
const DOOR = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "60s"
hide  = true
  [door.sequence]
  hits   = ${JSON.stringify(HITS)}
  within = "10s"
`

let lab: Lab<"knocker">
let gateway: Host
let knocker: Host
/** The program where nobody can read it: the checkout may be for root alone. */
let copied: string
let files = 0
const children: ChildProcess[] = []

type Daemon = {
    readonly child: ChildProcess
    readonly log: Lines
    readonly file: string
    readonly out: () => string
    /** The exit code, null after a signal. */
    readonly ended: Promise<number | null>
}

/** Runs what follows as nobody. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

/** Connected as journald connects a service: the variable names the socket that is standard error. */
const JOURNAL = ["sh", "-c", 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"', "sh"]

function start(
    args: readonly string[] = [],
    how: { text?: string; env?: object; by?: readonly string[] } = {},
): Daemon {
    const { text = DOOR, env = {}, by = [] } = how
    const file = join(lab.scratch, `run-${++files}.toml`)
    // A file that everybody may read is warned of.
    writeFileSync(file, withState(text, join(lab.scratch, "state")), { mode: by.includes(NOBODY[0]!) ? 0o644 : 0o600 })
    const nobody = by.includes(NOBODY[0]!)
    const argv = [...by, nobody ? copied : POSTERN, "run", "-c", file, ...args]
    const POSTERN_SOCKET = join(lab.scratch, `control-${files}`)
    const child = gateway.start(argv, { env: { PATH: process.env["PATH"], TZ: "UTC", POSTERN_SOCKET, ...env } })
    children.push(child)
    const log = collectLines(child, child.stderr!)
    let out = ""
    child.stdout?.setEncoding("utf8").on("data", (more: string) => (out += more))
    const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
    return { child, log, file, out: () => out, ended }
}

function knock(): void {
    knocker.must([POSTERN, "knock", gateway.v4, ...HITS])
}

const grant = () => `${knocker.v4} . tcp . 22`
const watches = () => eventually(() => listTable(gateway).includes("hidden"))
const opened = () => eventually(() => listTable(gateway).includes(grant()))
/** The table without what time changes in it. */
const table = () => listTable(gateway).replaceAll(/ expires [0-9a-z]+/g, "")

describe.skipIf(reason !== null)(`postern run${reason === null ? "" : ` (${reason})`}`, () => {
    beforeAll(() => {
        lab = makeLab(["knocker"])
        gateway = lab.gateway
        knocker = lab.hosts.knocker
        chmodSync(lab.scratch, 0o711)
        mkdirSync(join(lab.scratch, "copy"))
        copied = copyProgram(join(lab.scratch, "copy"))
    })

    afterEach(async () => {
        for (const child of children.splice(0)) {
            if (child.exitCode !== null || child.signalCode !== null) continue
            const gone = new Promise((resolve) => child.once("exit", resolve))
            child.kill("SIGKILL")
            await gone
        }
        gateway.exec(["nft", "delete", "table", "inet", "postern"])
    })

    afterAll(() => lab?.remove())

    describe("ends", () => {
        it.each([
            ["SIGTERM", 0],
            ["SIGINT", 130],
        ] as const)("%s: %d, and nothing was written to stdout", async (signal, code) => {
            const daemon = start()
            await daemon.log.waitFor(/ready/)
            daemon.child.kill(signal)
            expect(await daemon.ended).toBe(code)
            expect(daemon.log.all.join("\n")).toMatch(new RegExp(`${signal}: stopping\\n.*stopped: `))
            expect(daemon.out()).toBe("")
        })

        it("as a second daemon: 1, says what to do, and the first one's table is untouched", async () => {
            const first = start()
            await first.log.waitFor(/ready/)
            knock()
            await first.log.waitFor(/: open: /)
            const before = table()
            expect(before).toContain(grant())
            const second = start([], { text: DOOR.replace("tcp/22", "tcp/80").replace("32144", "41414") })
            expect(await second.ended).toBe(1)
            expect(second.log.all.join("\n")).toMatch(/error: another program .*\n.*hint: stop that one first/)
            expect(table()).toBe(before)
            expect(second.out()).toBe("")
            const from = first.log.all.length
            knock()
            await first.log.waitFor(/open for longer/, { from })
        })

        it("as a second daemon that would see packets in another way: 1 as well", async () => {
            const first = start()
            await first.log.waitFor(/ready/)
            const before = table()
            const second = start([], { text: `[gateway]\ncapture = "packet-socket"\n${DOOR}` })
            expect(await second.ended).toBe(1)
            expect(second.log.all.join("\n")).toMatch(/error: another program .*\n.*hint: stop that one first/)
            expect(table()).toBe(before)
        })

        it("with a wrong configuration: 3, says where, and nothing is changed", async () => {
            const daemon = start([], { text: DOOR.replace("hide ", "hidde ") })
            expect(await daemon.ended).toBe(3)
            expect(daemon.log.all.join("\n")).toMatch(/run-\d+\.toml:6:1: .*hidde[\s\S]*nothing was changed/)
            expect(listTable(gateway)).toBe("")
        })

        it("without a configuration: 3", async () => {
            const child = gateway.exec([POSTERN, "run", "-c", join(lab.scratch, "nowhere.toml")])
            expect([child.status, child.stdout]).toEqual([3, ""])
        })

        it("with a configuration that it may not read: 6, and says so", async () => {
            const file = join(lab.scratch, "secret.toml")
            writeFileSync(file, DOOR, { mode: 0o600 })
            const child = gateway.exec([...NOBODY, copied, "run", "-c", file])
            expect([child.status, child.stdout]).toEqual([6, ""])
            expect(child.stderr).toContain(`${file}: no permission to read it`)
        })

        it("without the capability: 6, says which, and nothing is changed", async () => {
            const by = [...NOBODY, "--inh-caps=-all"]
            const daemon = start([], { by })
            expect(await daemon.ended).toBe(6)
            expect(daemon.log.all.join("\n")).toMatch(/error: .*CAP_NET_ADMIN\n.*hint: /)
            expect(listTable(gateway)).toBe("")
        })

        it("not without root, if it has CAP_NET_ADMIN alone", async () => {
            const only = [
                "--inh-caps=-all,+net_admin",
                "--ambient-caps=-all,+net_admin",
                "--bounding-set=-all,+net_admin",
            ]
            const daemon = start([], { by: [...NOBODY, ...only] })
            await daemon.log.waitFor(/ready/)
            knock()
            expect(await opened()).toBe(true)
            daemon.child.kill()
            expect(await daemon.ended).toBe(0)
        })
    })

    it("runs programs where it has no firewall, with CAP_NET_RAW alone, and says so", async () => {
        const only = ["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw"]
        const text = `${DOOR.replace(/^(opens|for|hide) .*\n/gm, "")}[door.command]\nstart = ["/bin/echo", "hello"]\n`
        const daemon = start([], { by: [...NOBODY, ...only], text })
        await daemon.log.waitFor(/ready/)
        const said = daemon.log.all.join("\n")
        expect(said).toMatch(/warning: no firewall \(.*CAP_NET_ADMIN.*\): doors can run programs alone/)
        expect(said).toMatch(/watching .* by packet-socket/)
        knock()
        await daemon.log.waitFor(/start: hello/)
        expect(listTable(gateway)).toBe("")
        daemon.child.kill()
        expect(await daemon.ended).toBe(0)
    })

    describe("lives on", () => {
        it("after SIGHUP, and says that it read its configuration again", async () => {
            const daemon = start()
            await daemon.log.waitFor(/ready/)
            daemon.child.kill("SIGHUP")
            await daemon.log.waitFor(/ reloaded \(SIGHUP\): doors: 0 added, 0 removed, 0 changed, 1 as they were/)
            knock()
            expect(await opened()).toBe(true)
        })

        it("when nobody reads its log any more, and says how much was not written once somebody does", async () => {
            // Standard error is a pipe whose reader is stopped, until the log has outgrown what the kernel and we keep.
            const pids = join(lab.scratch, "reader")
            const pipe = `{ echo $BASHPID >$0.daemon; exec "$@" 2>&1 >/dev/null; } | { echo $BASHPID >$0.reader; exec cat; }`
            const daemon = start(["--log", "json"], { by: ["bash", "-c", pipe, pids] })
            const control = controlClient(join(lab.scratch, `control-${files}`))
            expect(await eventually(() => /"ready"/.test(daemon.out()))).toBe(true)
            const [reader, pid] = ["reader", "daemon"].map((name) => Number(readFileSync(`${pids}.${name}`, "utf8")))
            process.kill(reader!, "SIGSTOP")
            try {
                const source = parseAddress("2001:db8:1111:2222:3333:4444:5555:6666")!
                for (let count = 0; count < 1600; count++) {
                    expect(await control.ask({ ask: "grant", door: "ssh", source, ms: 60_000 })).toMatchObject({
                        ok: true,
                    })
                }
                knock()
                expect(await opened()).toBe(true)
            } finally {
                process.kill(reader!, "SIGCONT")
                control.close()
            }
            await eventually(() => / were not written/.test(daemon.out()))
            process.kill(pid!, "SIGTERM")
            expect(await daemon.ended).toBe(0)
            const [, lost] = /"warning","text":"(\d+) lines were not written: nobody read the log"/.exec(daemon.out())!
            const kept = daemon.out().match(/"given"/g)!.length
            // Of the knock there are some lines, too.
            expect(kept + Number(lost)).toBeGreaterThanOrEqual(1600)
            expect(kept + Number(lost)).toBeLessThan(1610)
            expect(daemon.out()).toMatch(/stopped: .*\}\n$/)
        })

        it("when the reader of its log goes away", async () => {
            const daemon = start()
            await daemon.log.waitFor(/ready/)
            daemon.child.stderr!.destroy()
            daemon.child.stdout!.destroy()
            for (let i = 0; i < 3; i++) daemon.child.kill("SIGHUP")
            knock()
            expect(await opened()).toBe(true)
            daemon.child.kill()
            expect(await daemon.ended).toBe(0)
        })

        it("when the terminal that it was started in is closed: who has lost it can knock to come in again", async () => {
            const daemon = start([], { by: ["sh", "-c", `exec script -qec "$*" /dev/null`, "sh"] })
            const control = controlClient(join(lab.scratch, `control-${files}`))
            const status = async () => {
                const answer = await control.ask({ ask: "status" })
                return answer.ok && answer.answer === "status" ? answer.status : null
            }
            expect(await eventually(() => / ready/.test(daemon.out()))).toBe(true)
            const { pid, loaded } = (await status())!
            try {
                // With its last reader the terminal is gone; the kernel sends SIGHUP to all that run there.
                daemon.child.kill("SIGKILL")
                await daemon.ended
                expect(await eventually(async () => (await status())!.loaded > loaded)).toBe(true)
                knock()
                expect(await opened()).toBe(true)
            } finally {
                process.kill(pid, "SIGTERM")
            }
            expect(await eventually(async () => (await status()) === null)).toBe(true)
            control.close()
        })

        it.each([
            ["the disk with its log is full", "2>/dev/full"],
            ["its standard error is closed", "2>&-"],
            ["all its descriptors are closed", "<&- >&- 2>&-"],
        ])("when %s", async (_, redirection) => {
            const daemon = start([], { by: ["sh", "-c", `exec "$@" ${redirection}`, "sh"] })
            expect(await watches()).toBe(true)
            knock()
            expect(await opened()).toBe(true)
            daemon.child.kill()
            expect(await new Promise((resolve) => daemon.child.once("exit", resolve))).toBe(0)
        })
    })

    describe("killed with SIGKILL", () => {
        it("leaves what is hidden and open; the next one finds the grant and ends it on time", async () => {
            const text = DOOR.replace("60s", "4s")
            const first = start([], { text })
            await first.log.waitFor(/ready/)
            knock()
            await first.log.waitFor(/: open: /)
            first.child.kill("SIGKILL")
            expect(await first.ended).toBeNull()
            expect(listTable(gateway)).toContain(grant())
            const second = start([], { text })
            await second.log.waitFor(/ready/)
            expect(listTable(gateway)).toContain(grant())
            await second.log.waitFor(new RegExp(`ssh: ${knocker.v4}: closed on time`))
            expect(await eventually(() => !listTable(gateway).includes(grant()))).toBe(true)
            expect(listTable(gateway)).toContain("hidden")
        })
    })

    describe("its log", () => {
        it("--log json: one object a line, the report of an opening with its facts", async () => {
            const daemon = start(["--log", "json"])
            await daemon.log.waitFor(/ready/)
            knock()
            await daemon.log.waitFor(/"opened"/)
            const lines: { level: string; text: string; report?: object }[] = daemon.log.all.map((line) =>
                JSON.parse(line),
            )
            for (const line of lines) expect(Object.keys(line).slice(0, 3)).toEqual(["time", "level", "text"])
            expect(lines.find(({ text }) => / open: /.test(text))).toMatchObject({
                level: "notice",
                report: { type: "opened", door: "ssh", source: knocker.v4, ms: 60_000, renewed: false },
            })
            expect(daemon.out()).toBe("")
        })

        it("under journald: each line begins with its priority, and has no time", async () => {
            const daemon = start([], { by: JOURNAL })
            await daemon.log.waitFor(/ready/)
            daemon.child.kill("SIGHUP")
            await daemon.log.waitFor(/^<5>reloaded \(SIGHUP\)/)
            for (const line of daemon.log.all) expect(line).toMatch(/^<[3-7]>\D/)
            expect(daemon.log.all).toContain("<5>ready")
        })

        it("--log plain, also under journald", async () => {
            const daemon = start(["--log", "plain"], { by: JOURNAL })
            expect(await daemon.log.waitFor(/ready/)).toMatch(/^\d{4}-\d\d-\d\dT[0-9:.]{12}\+00:00 ready$/)
        })

        it("sent elsewhere by a program that journald started: as for a person", async () => {
            const daemon = start([], { env: { JOURNAL_STREAM: "8:12345" } })
            expect(await daemon.log.waitFor(/ready/)).toMatch(/^\d{4}-/)
        })

        const WRONG = DOOR.replace("hide ", "hidde ")

        it("--log json: what is wrong at the start is an object a line, too", async () => {
            const daemon = start(["--log", "json"], { text: WRONG })
            expect(await daemon.ended).toBe(3)
            const lines: { level: string; text: string; issue?: object }[] = daemon.log.all
                .filter((line) => line !== "")
                .map((line) => JSON.parse(line))
            expect(
                lines.find(({ issue }) => issue !== undefined && "code" in issue && issue.code === "unknown-key"),
            ).toMatchObject({ level: "error", issue: { line: 6, column: 1 } })
            expect(lines.at(-1)).toMatchObject({ level: "error", text: expect.stringMatching(/nothing was changed$/) })
            const other = start(["--log", "json"], { by: [...NOBODY, "--inh-caps=-all"] })
            expect(await other.ended).toBe(6)
            const [doubt, refusal]: object[] = other.log.all.slice(0, 2).map((line) => JSON.parse(line))
            expect(doubt).toMatchObject({ level: "warning", issue: { code: "readable" } })
            expect(refusal).toMatchObject({ level: "error", hints: [expect.stringMatching(/root/)] })
        })

        it("under journald: what is wrong at the start has its priority", async () => {
            const daemon = start([], { text: WRONG, by: JOURNAL })
            expect(await daemon.ended).toBe(3)
            const lines = daemon.log.all.filter((line) => line !== "")
            expect(lines.map((line) => line.slice(0, 3)).toSorted()).toEqual(["<3>", "<3>"])
            const other = start([], { by: [...JOURNAL, ...NOBODY, "--inh-caps=-all"] })
            expect(await other.ended).toBe(6)
            expect(other.log.all.slice(0, 3).join("\n")).toMatch(/^<4>.*\n<3>the firewall needs .*\n<3>hint: /)
        })

        it("--log-level warning: nothing but what needs somebody", async () => {
            const daemon = start(["--log-level", "warning"])
            expect(await watches()).toBe(true)
            knock()
            expect(await opened()).toBe(true)
            rmSync(daemon.file)
            daemon.child.kill("SIGHUP")
            await daemon.log.waitFor(/SIGHUP/)
            expect(daemon.log.all).toEqual([
                expect.stringContaining(`error: ${daemon.file}: `),
                expect.stringContaining(
                    "error: not reloaded (SIGHUP): the configuration has errors: nothing has changed",
                ),
            ])
        })
    })
})
