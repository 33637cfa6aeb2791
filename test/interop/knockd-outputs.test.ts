/**
 * What postern knockd prints and logs, held against the real knockd: syslog, standard output and error, names of sources,
 * log files, the background, exit codes. Where they differ the difference is written down here, with its reason.
 */
import { spawnSync } from "node:child_process"
import {
    chmodSync,
    copyFileSync,
    existsSync,
    mkdirSync,
    mkdtempSync,
    realpathSync,
    renameSync,
    rmSync,
    statSync,
    truncateSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DeviceLog } from "../lab/device-log.ts"
import { KNOCKD } from "../lab/knockd-play.ts"
import { Running, type Starts, startOurs, startTwo } from "../lab/knockd-running.ts"
import { makeWire, type Packets, type Wire } from "../lab/knockd-wire.ts"
import { eventually, POSTERN } from "../lab/lab.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

type Two = { readonly knockd: Running; readonly ours: Running }
/** More than a socket holds that nobody reads. */
const CROWD = 300
const [DOOR, GUEST] = ["7000", "10.77.0.9"]

const lines = (text: string) => text.split("\n").filter(Boolean)
const count = (text: string, what: string) => text.split(what).length - 1
/** Without times and directories, in which no two runs are alike; lines of commands where they come is chance. */
const plain = (text: string, one: Running) =>
    text
        .replaceAll(one.directory, "@DIR@")
        .replaceAll(/^\[\d{4}-\d\d-\d\d \d\d:\d\d\] /gm, "")
        .replaceAll(/\b\d+ ms later$/gm, "N ms later")

const until = async (what: string, two: readonly Running[], done: (one: Running) => boolean) => {
    for (const one of two) expect([what, one.directory, await eventually(() => done(one))]).toContain(true)
}
/** Ours is to find its files by paths that are relative to where it was started; those of knockd would not be. */
const behind: Starts = (name, directory) => {
    mkdirSync(directory)
    writeFileSync(join(directory, "once"), " 7000\n 7001\n 7002\n")
    const at = name === "ours" ? "" : "@DIR@/"
    const options = `[options]\nlogfile = ${at}log\npidfile = ${at}pid\ninterface = nosuch0\n`
    const conf = `${options}[d]\none_time_sequences = ${at}once\ncommand = pwd >> @DIR@/where\n`
    return { conf, options: ["-d", "-v", "-i", "lan0", "-g", "@DIR@/log.other", "-p", "@DIR@/pid.other"] }
}
const behindWith = (more: string) => `[options]\nlogfile = @DIR@/log\npidfile = @DIR@/pid\n${more}[d]\nsequence = 1\n`
const pidOf = (one: Running) => Number(one.file("pid"))
const stopped = (times: number) => (one: Running) => count(one.out, "running command: true") === times
const logsTo = (path: string) =>
    `[options]\nlogfile = ${path}\n[d]\nsequence = ${DOOR}\ncommand = echo %IP% >> @DIR@/cmd\n`

describe.skipIf(why !== null)("what postern knockd says, beside knockd", () => {
    let wire: Wire
    let scratch: string
    beforeAll(() => {
        scratch = mkdtempSync(join(tmpdir(), "postern-outputs-"))
        wire = makeWire(1)
    })
    afterAll(async () => {
        await wire?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })
    /** Both, and their end however the test ends. */
    async function both(start: Starts, act: (two: Two) => Promise<void>): Promise<void> {
        const two = startTwo(wire.hosts[0]!, mkdtempSync(join(scratch, "two-")), start)
        const each = [two.knockd, two.ours]
        try {
            await Promise.all(each.map((one) => one.listens()))
            await act(two)
        } finally {
            await Promise.all(each.map((one) => one.stop("SIGKILL")))
        }
    }
    /** Ours, where there is nothing to be held against. */
    async function alone(start: Starts, act: (ours: Running) => Promise<void>): Promise<void> {
        const ours = startOurs(wire.hosts[0]!, mkdtempSync(join(scratch, "one-")), start)
        try {
            await act(await ours.listens())
        } finally {
            await ours.stop("SIGKILL")
        }
    }
    const send = (ports: string, more: Omit<Packets, "send"> = {}) => wire.hosts[0]!.send({ send: ports, ...more }, 5)
    const crowd = (ports: string) =>
        wire.hosts[0]!.burst(
            Array.from({ length: CROWD }, (_, i) => ({ send: ports, from: `10.80.${i >> 8}.${i & 255}` })),
        )

    /** A knock by which a command has run. */
    const opens = async (two: readonly Running[]) => {
        await send(DOOR, { from: GUEST })
        await until("command", two, (one) => one.file("cmd") === `${GUEST}\n`)
    }

    it("the same datagrams to syslog, with and beside a log file, over SIGHUP and a new server", async () => {
        const logs = new Map<Running, DeviceLog>()
        const made: DeviceLog[] = []
        const conf =
            "[options]\nusesyslog\nlogfile = @DIR@/log\n" +
            "[d\xe9]\nsequence = 7000,7001\ncommand = false\ncmd_timeout = 0\nstop_command = true\n"
        await both(
            (_, directory) => {
                mkdirSync(directory)
                made.push(new DeviceLog(directory))
                return { conf, options: ["-v", "-i", "lan0"], inside: made.at(-1)!.inside }
            },
            async ({ knockd, ours }) => {
                const two = [knockd, ours]
                for (const [i, one] of two.entries()) logs.set(one, made[i]!)
                const seen = new Map<Running, string[]>(two.map((one) => [one, []]))
                const has = (what: string, times: number) => (one: Running) => {
                    seen.get(one)!.push(...logs.get(one)!.read())
                    return count(seen.get(one)!.join("\n"), what) >= times
                }
                await send("7000 7001")
                await until("stop", two, has("running command: true", 1))
                for (const one of two) one.child.kill("SIGHUP")
                await until("opened again", two, has("re-opening log file", 1))
                for (const log of logs.values()) log.open()
                await send("7000 7001")
                await until("stop after that", two, has("running command: true", 2))
                await Promise.all(two.map((one) => one.stop()))
                await until("end", two, has("shutting down", 1))
                const [theirs, mine] = two.map((one) => seen.get(one)!.map((line) => plain(line, one)))
                const stamp = /^<29>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d knockd: /
                for (const line of [...theirs!, ...mine!]) expect(line).toMatch(stamp)
                // knockd's datagrams have the ends of lines that it writes empty lines after: no server wants these.
                // Lines of its children come when they come.
                const texts = (all: readonly string[]) => all.map((line) => line.replace(stamp, "").trimEnd()).sort()
                expect(texts(mine!)).toEqual(texts(theirs!))
                expect(texts(mine!)).toContain("10.77.0.2: d\xe9: OPEN SESAME")
                expect(lines(plain(ours.file("log"), ours)).sort()).toEqual(
                    lines(plain(knockd.file("log"), knockd)).sort(),
                )
            },
        )
        for (const log of made) log.close()
    })

    it("loses no line of syslog: a server that is away for a while, or reads nothing; and never stands still", async () => {
        const made: DeviceLog[] = []
        const conf = `[options]\nusesyslog\nlogfile = @DIR@/log\n[d]\nsequence = ${DOOR}\n`
        await both(
            (_, directory) => {
                mkdirSync(directory)
                made.push(new DeviceLog(directory))
                return { conf, options: ["-v", "-i", "lan0"], inside: made.at(-1)!.inside }
            },
            async ({ knockd, ours }) => {
                const [theirs, mine] = made
                const seen = { knockd: theirs!.read().join("\n"), ours: mine!.read().join("\n") }
                const read = () => {
                    seen.knockd += theirs!.read().join("\n")
                    seen.ours += mine!.read().join("\n")
                    return seen
                }
                // Away: knockd loses what it says meanwhile.
                for (const log of made) log.close()
                await send(DOOR, { from: GUEST })
                await until("a line of the log file", [knockd, ours], (one) => one.file("log").includes("OPEN SESAME"))
                for (const log of made) log.open()
                expect(await eventually(() => read().ours.includes("OPEN SESAME"))).toBe(true)
                expect(seen.knockd).not.toContain("OPEN SESAME")
                // Standing still: so does knockd. Both log files tell how far they are.
                await crowd(DOOR)
                expect(await eventually(() => count(ours.file("log"), "OPEN SESAME") === CROWD + 1)).toBe(true)
                expect(count(knockd.file("log"), "OPEN SESAME")).toBeLessThan(CROWD + 1)
                const whole = () => count(read().ours, "OPEN SESAME") === CROWD + 1
                expect(await eventually(whole, 20_000)).toBe(true)
                expect(await ours.stop()).toBe(15)
            },
        )
        for (const log of made) log.close()
    })

    it("the same standard output with -v and -l, of TCP and UDP, IPv4 and IPv6, whole and half knocks", async () => {
        const conf =
            "[d]\nsequence = 7000,7001:udp,7002\nseq_timeout = 1\ncommand = false\ncmd_timeout = 0\nstop_command = true\n" +
            "[once]\none_time_sequences = @DIR@/once\n"
        const hosts = join(scratch, "hosts")
        writeFileSync(hosts, "127.0.0.1 localhost\n10.77.0.2 guest.example alias # somebody\nfd77::2 guest6.example\n")
        const inside = ["unshare", "--mount", "sh", "-ec", `mount --bind ${hosts} /etc/hosts; exec "$@"`, "sh"]
        await both(
            (_, directory) => {
                mkdirSync(directory)
                writeFileSync(join(directory, "once"), " 8000\n 8001\n")
                return { conf, options: ["-v", "-l", "-i", "lan0"], inside }
            },
            async ({ knockd, ours }) => {
                const two = [knockd, ours]
                await send("7000 7001:udp 7002")
                await until("stop", two, stopped(1))
                await send("7000 7001:udp 7002", { from: "fd77::2", to: "fd77::1" })
                await until("stop by IPv6", two, stopped(2))
                await send("7000 7002")
                await send("7000", { from: "fd77::2", to: "fd77::1" })
                await until("timeout", [ours], (one) => one.out.includes("sequence timeout"))
                await new Promise((resolve) => setTimeout(resolve, 1000))
                await send("8000")
                await until("one-time", two, (one) => one.out.includes("once: OPEN SESAME"))
                await Promise.all(two.map((one) => one.stop()))
                const [theirs, mine] = two.map((one) => lines(plain(one.out, one)))
                // Why a knock failed; knockd says nothing of it.
                const added = "10.77.0.2 (guest.example): d: failed after stage 1: a wrong hit, N ms later"
                expect(mine).toContain(added)
                expect(mine!.filter((line) => line !== added)).toEqual(theirs)
                expect(theirs).toContain("fd77::2 (guest6.example): d: sequence timeout (stage 1)")
                expect([ours.err, ours.end]).toEqual([knockd.err, knockd.end])
                expect(ours.file("once")).toBe(knockd.file("once"))
            },
        )
    })

    it("-l holds up no knock where the name server says nothing, nor the end; knockd stands still", async () => {
        const resolv = join(scratch, "resolv.conf")
        writeFileSync(resolv, "nameserver 10.77.0.200\n")
        const inside = ["unshare", "--mount", "sh", "-ec", `mount --bind ${resolv} /etc/resolv.conf; exec "$@"`, "sh"]
        const conf = `[d]\nsequence = ${DOOR}\ncommand = echo %IP% >> @DIR@/cmd\n`
        await both(
            () => ({ conf, options: ["-v", "-l", "-i", "lan0"], inside }),
            async ({ knockd, ours }) => {
                await send(DOOR, { from: GUEST })
                await until("command", [ours], (one) => one.file("cmd") === `${GUEST}\n`)
                expect(knockd.file("cmd")).toBe("")
                expect(await ours.stop()).toBe(15)
                expect(knockd.file("cmd")).toBe("")
                expect(lines(ours.out)).toContain(`${GUEST}: d: OPEN SESAME`)
            },
        )
    })

    it("what of the background is the same, and whose words count; ours keeps relative paths over SIGHUP, too", async () => {
        const { knockd, ours } = startTwo(wire.hosts[0]!, mkdtempSync(join(scratch, "two-")), behind)
        let pids: readonly number[] = []
        const two = [knockd, ours]
        try {
            expect(await Promise.all(two.map((one) => one.ended))).toEqual([0, 0])
            expect([ours.out, ours.err]).toEqual([knockd.out, knockd.err])
            await until("process number", two, (one) => pidOf(one) > 0)
            pids = two.map(pidOf)
            expect(two.map((one) => realpathSync(`/proc/${pidOf(one)}/cwd`))).toEqual(["/", "/"])
            await until("start", two, (one) => one.file("log").includes("starting up"))
            await send("7000")
            await until("command", two, (one) => one.file("where") === "/\n")
            for (const one of two) renameSync(join(one.directory, "log"), join(one.directory, "log.1"))
            for (const one of two) process.kill(pidOf(one), "SIGHUP")
            await until("a new log file", two, (one) => existsSync(join(one.directory, "log")))
            await send("7001")
            await until("command", two, (one) => one.file("where") === "/\n/\n")
            await until("mark", two, (one) => one.file("once") === "#7000\n#7001\n 7002\n")
            // Whoever was started since has its number there; knockd takes that away, too.
            for (const one of two) writeFileSync(join(one.directory, "pid"), "another's\n")
            for (const one of pids) process.kill(one, "SIGTERM")
            await until("end", two, (one) => one.file("log").includes("shutting down"))
            for (const one of pids) expect(await eventually(() => !existsSync(`/proc/${one}`))).toBe(true)
            for (const name of ["log.1", "log"]) {
                const [theirs, mine] = two.map((one) => lines(plain(one.file(name), one)))
                expect([name, mine]).toEqual([name, theirs])
            }
            const written = ["pid", "pid.other", "log.other"]
            const left = two.map(({ directory }) => written.filter((name) => existsSync(join(directory, name))))
            expect(left).toEqual([[], ["pid"]])
        } finally {
            for (const one of pids) if (existsSync(`/proc/${one}`)) process.kill(one, "SIGKILL")
        }
    })

    it("a crowd that opens at once, and every line of it is in the log; a log that is cut short goes on from its beginning", async () => {
        const conf = `[options]\nlogfile = @DIR@/log\n[d]\nsequence = ${DOOR}\n`
        await both(
            () => ({ conf, options: ["-v", "-i", "lan0"] }),
            async ({ knockd, ours }) => {
                const two = [knockd, ours]
                await crowd(DOOR)
                await until("every one", two, (one) => count(one.file("log"), ": d: OPEN SESAME") === CROWD)
                expect(two.map((one) => count(one.file("log"), "Stage 1"))).toEqual([CROWD, CROWD])
                const [theirs, mine] = two.map(({ directory }) => statSync(join(directory, "log")).mode)
                expect(mine).toBe(theirs)
                for (const { directory } of two) {
                    copyFileSync(join(directory, "log"), join(directory, "log.1"))
                    truncateSync(join(directory, "log"))
                }
                await send(DOOR, { from: GUEST })
                const rest = `${GUEST}: d: Stage 1\n${GUEST}: d: OPEN SESAME\n`
                await until("the rest", two, (one) => plain(one.file("log"), one) === rest)
            },
        )
    })

    it("log files that take nothing: what is said of them, and that everything goes on", async () => {
        for (const path of ["/nowhere/log", "/dev/full"]) {
            await both(
                () => ({ conf: logsTo(path), options: ["-v", "-i", "lan0"] }),
                async ({ knockd, ours }) => {
                    await opens([knockd, ours])
                    expect([path, ours.err]).toEqual([path, knockd.err])
                    expect([path, plain(ours.out, ours)]).toEqual([path, plain(knockd.out, knockd)])
                    expect(await ours.stop()).toBe(15)
                },
            )
        }
        // A FIFO: knockd waits for its reader; ours says there what happened before there was one.
        const fifo = join(scratch, "fifo")
        expect(spawnSync("mkfifo", [fifo]).status).toBe(0)
        await alone(
            () => ({ conf: logsTo(fifo), options: ["-v", "-i", "lan0"] }),
            async (ours) => {
                await opens([ours])
                const reader = wire.hosts[0]!.namespace.start(["cat", fifo])
                let read = ""
                reader.stdout!.setEncoding("utf8").on("data", (text: string) => {
                    read += text
                })
                expect(await eventually(() => read.includes("running command"))).toBe(true)
                expect(read).toContain("starting up")
                expect(await ours.stop()).toBe(15)
                expect(await eventually(() => read.includes("shutting down"))).toBe(true)
            },
        )
    })

    it("says what the stop of a door does that a reload took away, by the command that it had", async () => {
        const conf = `[options]\nlogfile = @DIR@/log\n[a b]\nsequence = ${DOOR}\ncommand = :\ncmd_timeout = 2\nstop_command = sh -c 'exit 3'\n`
        await alone(
            () => ({ conf, options: ["-v", "-i", "lan0"] }),
            async (ours) => {
                await send(DOOR)
                await until("start", [ours], (one) => one.out.includes("running command: :"))
                writeFileSync(
                    join(ours.directory, "conf"),
                    `[options]\nlogfile = ${ours.directory}/log\n[e]\nsequence = 1\n`,
                )
                ours.child.kill("SIGHUP")
                await until("its end", [ours], (one) => one.err.includes("non-zero"))
                expect(
                    lines(plain(ours.file("log"), ours))
                        .slice(-5)
                        .sort(),
                ).toEqual([
                    "10.77.0.2: a b: command timeout",
                    "a b: command returned non-zero status code (3)",
                    "a b: running command: :",
                    "a b: running command: sh -c 'exit 3'",
                    "re-reading config file: @DIR@/conf",
                ])
            },
        )
    })

    it("a file of one-time sequences with none left: knockd does not start, ours is without that door until there are more", async () => {
        const conf =
            `[options]\nlogfile = @DIR@/log\n[one]\none_time_sequences = @DIR@/once\ncommand = echo 1 >> @DIR@/cmd\n` +
            `[other]\nsequence = ${DOOR}\ncommand = echo %IP% >> @DIR@/cmd\n`
        const start: Starts = (_, directory) => {
            mkdirSync(directory)
            writeFileSync(join(directory, "once"), "#7001\n")
            return { conf, options: ["-v", "-i", "lan0"] }
        }
        await both(start, async ({ knockd, ours }) => {
            const said = "no more sequences left in the one time sequences file for door one --> disabling the door\n"
            expect([knockd.end, knockd.err, ours.end, ours.err]).toEqual([1, said, null, said])
            await opens([ours])
            ours.child.kill("SIGHUP")
            await until("the same again", [ours], (one) => one.err === said.repeat(2))
            writeFileSync(join(ours.directory, "once"), "#7001\n 7002\n")
            ours.child.kill("SIGHUP")
            await until("reload", [ours], (one) => count(one.file("log"), "re-reading") === 2)
            await until("more", [ours], (one) => count(one.out, "re-opening log file") === 2)
            await send("7002")
            await until("the door again", [ours], (one) => one.file("cmd") === `${GUEST}\n1\n`)
            await until("the end again", [ours], (one) => one.err === said.repeat(3))
            expect(count(ours.file("log"), said)).toBe(3)
        })
    })

    it("runs the stop of a door whose last one-time sequence was used before a crash", async () => {
        const conf =
            `[options]\nlogfile = @DIR@/log\n[d]\none_time_sequences = @DIR@/once\ncmd_timeout = 1\n` +
            `command = echo start >> @DIR@/cmd\nstop_command = echo stop >> @DIR@/cmd\n`
        const directory = mkdtempSync(join(scratch, "crash-"))
        writeFileSync(join(directory, "once"), " 7001\n")
        const start = { conf, options: ["-v", "-i", "lan0"] }
        const ours = await new Running([POSTERN, "knockd"], wire.hosts[0]!, directory, start).listens()
        try {
            await send("7001")
            await until("start", [ours], (one) => one.file("cmd") === "start\n")
        } finally {
            await ours.stop("SIGKILL")
        }
        const next = await new Running([POSTERN, "knockd"], wire.hosts[0]!, directory, start).listens()
        try {
            await until("stop", [next], (one) => one.file("cmd") === "start\nstop\n")
        } finally {
            await next.stop("SIGKILL")
        }
    })

    it("says of a SIGHUP what it cannot take, and of the background that a knockd runs already", async () => {
        await alone(
            () => ({ conf: behindWith("interface = lan0\n"), options: ["-v"] }),
            async (ours) => {
                const again = (more: string) => {
                    writeFileSync(join(ours.directory, "conf"), behindWith(more).replaceAll("@DIR@", ours.directory))
                    ours.child.kill("SIGHUP")
                }
                again("interface = lo, lan0\n")
                const later = "listening on lan0 until the next start, and then on lo,lan0"
                await until("interfaces", [ours], (one) => lines(one.out).includes(later))
                again("interface = lo,auto\n")
                const wrong = "could not open lo,auto: auto stands for others and must stand alone"
                await until("a mistake", [ours], (one) => lines(one.out).includes(`${wrong}: nothing has changed`))
                again("interface = lan0\n")
                await until("back", [ours], (one) => count(one.out, "re-opening log file") === 3)
                expect(count(ours.out, "until the next start")).toBe(1)
                writeFileSync(join(ours.directory, "pid"), `${ours.child.pid}\n`)
                const { namespace } = wire.hosts[0]!
                const env = { POSTERN_KNOCKD_STATE: join(ours.directory, "state.2") }
                const program = [POSTERN, "knockd", "-d", "-c", join(ours.directory, "conf")]
                const second = await namespace.run(program, { env })
                const number = Number(ours.file("pid"))
                try {
                    const running = `${ours.directory}/pid: knockd runs already, as process ${ours.child.pid}: what both do is done twice\n`
                    expect([second.status, second.stderr]).toEqual([0, running])
                    expect(number).not.toBe(ours.child.pid)
                } finally {
                    if (number !== ours.child.pid) process.kill(number, "SIGKILL")
                }
            },
        )
    })

    it("exit codes and standard error of everything that ends it at once", async () => {
        const { namespace } = wire.hosts[0]!
        // For whom nothing is allowed, too.
        chmodSync(scratch, 0o755)
        const conf = join(scratch, "good.conf")
        writeFileSync(conf, "[d]\nsequence = 1\n")
        const wrong = (name: string, text: string) => {
            writeFileSync(join(scratch, name), text)
            return ["-i", "lan0", "-c", join(scratch, name)]
        }
        const nobody = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]
        const cases: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
            ["help", ["-h"]],
            ["version", ["--version"]],
            ["an unknown option", ["--nonsense"]],
            ["a missing value", ["-i"]],
            ["no configuration", ["-c", "/nowhere/conf"]],
            ["a syntax error", wrong("syntax", "[d]\nsequence\n")],
            ["no sequence", wrong("empty", "[d]\ncommand = x\n")],
            ["a missing file of sequences", wrong("once", "[d]\none_time_sequences = /nowhere/once\n")],
            ["an empty target", wrong("target", "[d]\nsequence = 1\ntarget =\n")],
            ["a network as target", wrong("network", "[d]\nsequence = 1\ntarget = 10.0.0.0/24\n")],
            ["no such interface", ["-i", "nosuch0", "-c", conf]],
            ["the same in the background", ["-d", "-i", "nosuch0", "-c", conf]],
            ["no rights", ["-i", "lan0", "-c", conf], nobody],
        ]
        const seen = await Promise.all(
            cases.map(async ([name, options, inside = []]) => {
                const env = { POSTERN_KNOCKD_STATE: join(scratch, "state"), LC_ALL: "C" }
                const ask = async (program: readonly string[]) => {
                    const { status, stdout, stderr } = await namespace.run([...inside, ...program, ...options], { env })
                    const known = stderr.replaceAll(/^[^ ]*knockd: /gm, "knockd: ")
                    return {
                        status,
                        stderr: known,
                        help: stdout.startsWith("usage: knockd"),
                        version: /^knockd 0\.8$/m.test(stdout),
                    }
                }
                return { name, knockd: await ask([KNOCKD]), ours: await ask([POSTERN, "knockd"]) }
            }),
        )
        expect(seen.map(({ name, ours }) => ({ name, ...ours }))).toEqual(
            seen.map(({ name, knockd }) => ({ name, ...knockd })),
        )
        expect(seen.at(-1)!.knockd.stderr).toMatch(/You don't have permission/)
        expect(seen.filter(({ knockd }) => knockd.status === 1).length).toBeGreaterThan(7)
    })
})
