/**
 * The commands port: one suite on each adapter. Real programs are small shell scripts that wait for a file; the model's
 * are ended by hand.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { GROUP_RUNNING, GROUP_WAITING, MOST_RUNNING, MOST_WAITING } from "../../src/adapters/commands/lanes.ts"
import { memoryCommands } from "../../src/adapters/commands/memory.ts"
import { LONGEST_LINE, MOST_LINES } from "../../src/adapters/commands/output.ts"
import { spawnCommands } from "../../src/adapters/commands/spawn.ts"
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import { goingTo } from "../../src/adapters/system/program.ts"
import type { CommandJob, CommandOutcome, Commands } from "../../src/ports/commands.ts"

/** What the suite needs besides the port: programs by what they do, and a way to let the waiting ones go on. */
type Harness = {
    readonly commands: Commands
    /** Prints `begun NAME`, waits to be released, exits with `code`. */
    readonly waiter: (name: string, code?: number) => readonly string[]
    readonly release: (name: string) => void
    /** Prints this and exits with 0. */
    readonly printer: (text: string) => readonly string[]
    /** Prints what it reads and exits with 0. */
    readonly reader: readonly string[]
    readonly end: () => Promise<void>
}

function suite(make: () => Harness): void {
    let harness: Harness
    let outcomes: [name: string, outcome: CommandOutcome][]
    let lines: string[]

    beforeEach(() => {
        harness = make()
        outcomes = []
        lines = []
    })
    afterEach(() => harness.end())

    const run = (name: string, lane: string, more: Partial<CommandJob> = {}) => {
        const job: CommandJob = {
            lane,
            argv: harness.waiter(name),
            timeout: 60_000,
            output: (line) => lines.push(line),
            ...more,
        }
        return harness.commands.run(job, (outcome) => outcomes.push([name, outcome]))
    }
    const begun = () => lines.filter((line) => line.startsWith("begun ")).map((line) => line.slice(6))

    it("run() says how a program ended and hands its lines over", async () => {
        expect(run("a", "x", { argv: harness.waiter("a", 3) })).toBe(true)
        expect(outcomes).toEqual([])
        await settled(begun).toEqual(["a"])
        harness.release("a")
        await settled(() => outcomes).toEqual([["a", { ended: "exit", code: 3 }]])
    })

    it("runs one lane in order, one at a time, and other lanes beside it", async () => {
        for (const name of ["a1", "a2", "a3"]) run(name, "a")
        run("b1", "b")
        await settled(() => begun().sort()).toEqual(["a1", "b1"])
        for (const name of ["a3", "a2", "a1"]) harness.release(name)
        await settled(begun).toHaveLength(4)
        await settled(() => outcomes.map(([name]) => name)).toEqual(["a1", "a2", "a3"])
        harness.release("b1")
        await settled(() => outcomes.at(-1)?.[0]).toBe("b1")
    })

    it("lets wait what must run, however many wait already", async () => {
        const count = MOST_RUNNING + MOST_WAITING
        for (let i = 0; i < count; i++) run(`j${i}`, i < MOST_RUNNING ? `lane${i}` : "lane0")
        expect(run("may", "free")).toBe(false)
        expect(run("must", "lane0", { must: true })).toBe(true)
        for (let i = 1; i < count; i++) harness.release(`j${i}`)
        harness.release("j0")
        await settled(begun).toContain("must")
        await harness.commands.stop()
        expect(run("must", "free", { must: true })).toBe(false)
    })

    it("has room for what must run beside programs that hang, and as much as for these", async () => {
        for (let i = 0; i < MOST_RUNNING; i++) run(`j${i}`, `lane${i}`, { group: `${i % 2}` })
        const must = { must: true, group: "0" }
        for (let i = 0; i < GROUP_RUNNING; i++) run(`must${i}`, `stop${i}`, must)
        await settled(begun).toHaveLength(MOST_RUNNING + GROUP_RUNNING)
        expect(run("another", "another", must)).toBe(true)
        expect(run("other", "other", { ...must, group: "2" })).toBe(true)
        await settled(begun).toContain("other")
        expect(harness.commands.load()).toEqual({ running: MOST_RUNNING + GROUP_RUNNING + 1, waiting: 1 })
        harness.release("must0")
        await settled(begun).toContain("another")
        await harness.commands.stop()
    })

    it("runs so many at once, lets so many wait, and refuses the rest without calling back", async () => {
        const count = MOST_RUNNING + MOST_WAITING
        for (let i = 0; i < count; i++) expect(run(`j${i}`, i < MOST_RUNNING ? `lane${i}` : `wait${i % 7}`)).toBe(true)
        expect(run("one too many", "wait1")).toBe(false)
        expect(harness.commands.load()).toEqual({ running: MOST_RUNNING, waiting: MOST_WAITING })
        expect(run("one too many, in a lane of its own", "free")).toBe(false)
        await settled(begun).toHaveLength(MOST_RUNNING)
        harness.release("j0")
        await settled(() => outcomes.length).toBe(1)
        await settled(begun).toHaveLength(MOST_RUNNING + 1)
        expect(run("room again", "free")).toBe(true)
        await harness.commands.stop()
        expect(outcomes.map(([name]) => name)).not.toContain("one too many")
        expect(outcomes).toHaveLength(MOST_RUNNING + 1)
        expect(harness.commands.load()).toEqual({ running: 0, waiting: 0 })
    })

    it("gives one group half of what runs and a quarter of what waits, and leaves the rest to others", async () => {
        const group = "2001:db8::/64"
        const count = GROUP_RUNNING + GROUP_WAITING
        for (let i = 0; i < count; i++) expect(run(`g${i}`, `lane${i}`, { group })).toBe(true)
        expect(run("one too many", "free", { group })).toBe(false)
        expect(run("must", "must", { group, must: true })).toBe(true)
        await settled(begun).toHaveLength(GROUP_RUNNING + 1)
        // Others run at once, although the group waits.
        expect(run("other", "other", { group: "another" })).toBe(true)
        expect(run("none", "none")).toBe(true)
        await settled(begun).toContain("other")
        await settled(begun).toContain("none")
        harness.release("g0")
        await settled(begun).toContain(`g${GROUP_RUNNING}`)
        expect(run("room again", "again", { group })).toBe(true)
        expect(run("one too many again", "again", { group })).toBe(false)
        await harness.commands.stop()
    })

    it("hands a program its input, to the end, also more than a pipe holds at once", async () => {
        for (const input of ["", '{"a":"é"}', `${"x".repeat(900)}\n`.repeat(150)]) {
            lines = []
            outcomes = []
            run("reader", "r", { argv: harness.reader, input })
            await settled(() => outcomes).toEqual([["reader", { ended: "exit", code: 0 }]])
            expect(lines).toEqual(input === "" ? [] : input.trimEnd().split("\n"))
        }
    })

    it("does not mind a program that does not read its input", async () => {
        run("p", "p", { argv: harness.printer("done"), input: "x".repeat(1_000_000) })
        await settled(() => outcomes).toEqual([["p", { ended: "exit", code: 0 }]])
        expect(lines).toEqual(["done"])
    })

    it("bounds the output in length and number, and says how much it left out", async () => {
        const long = "x".repeat(LONGEST_LINE + 500)
        const argv = harness.printer(`${long}\n${"line\n".repeat(MOST_LINES + 41)}end without newline`)
        run("p", "p", { argv })
        await settled(() => outcomes).toEqual([["p", { ended: "exit", code: 0 }]])
        expect(lines[0]).toBe(`${"x".repeat(LONGEST_LINE)}…`)
        expect(lines.slice(1, MOST_LINES)).toEqual(Array.from({ length: MOST_LINES - 1 }, () => "line"))
        expect(lines.slice(MOST_LINES)).toEqual(["… 43 more lines not shown"])
    })

    it("hands lines over without control characters", async () => {
        run("p", "p", { argv: harness.printer("a\tb\r\n\u001b[31mred\u0007\u2028\n\nlast") })
        await settled(() => outcomes.length).toBe(1)
        expect(lines).toEqual(["a b", "\ufffd[31mred\ufffd\ufffd", "", "last"])
    })

    it("stop() ends what runs, forgets what waits, and takes nothing more", async () => {
        run("a1", "a")
        run("a2", "a")
        run("b1", "b")
        await settled(() => begun().sort()).toEqual(["a1", "b1"])
        await harness.commands.stop()
        expect(outcomes.sort(([a], [b]) => a.localeCompare(b))).toEqual([
            ["a1", { ended: "signal", signal: "SIGTERM" }],
            ["b1", { ended: "signal", signal: "SIGTERM" }],
        ])
        expect(run("late", "c")).toBe(false)
        await harness.commands.stop()
        expect(begun().sort()).toEqual(["a1", "b1"])
    })

    it("stop() with nothing running resolves at once", async () => {
        await harness.commands.stop()
        expect(outcomes).toEqual([])
    })

    it("a job may be queued from the end of another", async () => {
        const order: string[] = []
        const job = { lane: "a", argv: harness.printer("1"), timeout: 60_000, output: () => {} }
        harness.commands.run(job, () => {
            order.push("first")
            harness.commands.run(job, () => order.push("second"))
        })
        await settled(() => order).toEqual(["first", "second"])
    })
}

describe("memory", () => {
    suite(() => {
        const released = new Set<string>()
        const commands = memoryCommands((started) => {
            const [kind, text, code] = started.job.argv
            started.print(kind === "print" ? text! : kind === "read" ? started.job.input! : `begun ${text}\n`)
            if (kind === "print" || kind === "read" || released.has(text!))
                started.end({ ended: "exit", code: Number(code ?? 0) })
        })
        return {
            commands,
            waiter: (name, code = 0) => ["wait", name, String(code)],
            printer: (text) => ["print", text],
            reader: ["read"],
            release(name) {
                released.add(name)
                for (const { job, end } of commands.running) {
                    if (job.argv[1] === name) end({ ended: "exit", code: Number(job.argv[2]) })
                }
            },
            end: () => commands.stop(),
        }
    })
})

describe("goingTo()", () => {
    it("is a shell that becomes the program in that directory, and names what it cannot", () => {
        expect(go("/usr/bin", "/usr/bin/printf", "%s|", "a b", "$HOME", "").stdout).toBe("a b|$HOME||")
        expect(go("/usr/lib", "/bin/sh", "-c", "pwd").stdout).toBe("/usr/lib\n")
        expect(go("/nowhere", "/bin/true")).toMatchObject({ status: 2, stderr: expect.stringContaining("/nowhere") })
    })
})

describe("spawn", () => {
    let scratch: string
    let commands: Commands

    beforeEach(() => {
        scratch = mkdtempSync(join(tmpdir(), "postern-commands-"))
    })
    afterEach(async () => {
        await commands.stop()
        rmSync(scratch, { recursive: true, force: true })
    })

    const file = (name: string) => join(scratch, name)
    const pidOf = (name: string) => (existsSync(file(name)) ? Number(readFileSync(file(name), "utf8")) : 0)

    suite(() => {
        commands = spawnCommands()
        return {
            commands,
            waiter: (name, code = 0) =>
                sh(`echo 'begun ${name}'; until [ -e '${file(name)}' ]; do sleep 0.05; done; exit ${code}`),
            release: (name) => writeFileSync(file(name), ""),
            printer: (text) => ["/usr/bin/printf", "%s", text],
            reader: ["/bin/cat"],
            end: () => commands.stop(),
        }
    })

    /** Runs one program to its end. */
    const runOnce = (argv: readonly string[], timeout = 20_000) => {
        commands = spawnCommands()
        const lines: string[] = []
        return new Promise<{ outcome: CommandOutcome; lines: readonly string[] }>((resolve, reject) => {
            const job: CommandJob = { lane: "x", argv, timeout, output: (line) => lines.push(line) }
            if (!commands.run(job, (outcome) => resolve({ outcome, lines }))) reject(new Error("refused"))
        })
    }

    it("gives arguments as they are: no shell", async () => {
        const { lines } = await runOnce(["/usr/bin/printf", "%s\\n", "$HOME", "; echo b", "*", "'\"", ""])
        expect(lines).toEqual(["$HOME", "; echo b", "*", "'\"", ""])
    })

    it("gives a fixed environment, the root directory and no input", async () => {
        process.env["POSTERN_TEST_SECRET"] = "not for children"
        const { outcome, lines } = await runOnce(sh("env | grep -v '^_=' | sort; pwd; cat; echo end"))
        delete process.env["POSTERN_TEST_SECRET"]
        expect(lines).toEqual([
            "LANG=C",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PWD=/",
            "/",
            "end",
        ])
        expect(outcome).toEqual({ ended: "exit", code: 0 })
    })

    it("lets a program inherit no descriptor, not even those of the firewall's library", async () => {
        const firewall = nftFirewall()
        const { lines } = await runOnce(["/bin/ls", "-l", "/proc/self/fd"])
        firewall.close()
        const open = lines.flatMap((line) => /(\d+) -> (.*)$/.exec(line)?.slice(1, 3).join(" ") ?? [])
        expect(open.map((text) => text.replace(/\[\d+\]$/, "").replace(/\/proc\/\d+/, "/proc/…"))).toEqual([
            "0 /dev/null",
            "1 pipe:",
            "2 pipe:",
            "3 /proc/…/fd",
        ])
    })

    it("holds back and ignores no signal for a program, whatever Node does for itself", async () => {
        const { lines } = await runOnce(["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])
        // Signals 32 and 33 are the C library's.
        expect(lines.map((line) => BigInt(`0x${line.split(/\s+/)[1]}`) & 0x7fff_ffffn)).toEqual([0n, 0n])
    })

    it.each(["ours", "nowhere"] as const)(
        "in knockd's place a program has our surroundings, and what it prints is %s",
        async (output) => {
            commands = spawnCommands(undefined, { directory: scratch, environment: { PATH: "/bin", A: "ö" }, output })
            const argv = sh(
                `{ pwd; env | sort; readlink /proc/self/fd/0 /proc/self/fd/1; : >&2 && echo open; } > '${file("seen")}'`,
            )
            const outcomes: CommandOutcome[] = []
            commands.run({ lane: "x", argv, timeout: 20_000, output: () => {} }, (outcome) => outcomes.push(outcome))
            await settled(() => outcomes).toEqual([{ ended: "exit", code: 0 }])
            const seen = readFileSync(file("seen"), "utf8")
            expect(seen).toContain(`${scratch}\nA=ö\nPATH=/bin\nPWD=${scratch}\n`)
            // Each of the three is there: what a program opens next must not be taken for its errors.
            expect(seen.endsWith("open\n")).toBe(true)
        },
    )

    it("a program in our directory is there, whatever has become of it", () => {
        const module = `
            import { rmdirSync } from "node:fs"
            import { beginProgram } from "${join(import.meta.dirname, "../../src/adapters/system/program.ts")}"
            rmdirSync("${scratch}/gone")
            const argv = ["/bin/readlink", "/proc/self/cwd"]
            beginProgram({ argv, directory: null, environment: {}, standard: ["nothing", "ours", "ours"] }, () => {})`
        mkdirSync(file("gone"))
        const argv = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", module]
        const { stdout, stderr } = spawnSync(process.execPath, argv, { cwd: file("gone"), encoding: "utf8" })
        expect([stdout, stderr]).toEqual([`${scratch}/gone (deleted)\n`, ""])
    })

    it("leave() lets a program go on that keeps nobody waiting", async () => {
        const module = `
            import { spawnCommands } from "${join(import.meta.dirname, "../../src/adapters/commands/spawn.ts")}"
            const commands = spawnCommands()
            const argv = ["/bin/sh", "-c", "until [ -e '${file("go")}' ]; do sleep 0.05; done; echo $$ > '${file("went")}'"]
            const job = { lane: "x", argv, timeout: 60_000, output: () => {} }
            commands.run(job, () => console.log("heard"))
            commands.run({ ...job, argv: ["/bin/sh", "-c", "echo > '${file("second")}'"] }, () => console.log("heard"))
            commands.leave()
            await commands.stop()
            console.log(commands.run(job, () => {}), commands.load())`
        const argv = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", module]
        const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 30_000 })
        expect([stdout, stderr]).toEqual(["false { running: 0, waiting: 0 }\n", ""])
        expect(existsSync(file("went"))).toBe(false)
        writeFileSync(file("go"), "")
        await settled(() => existsSync(file("went"))).toBe(true)
        expect(existsSync(file("second"))).toBe(false)
    })

    it("both streams reach the log", async () => {
        const { lines } = await runOnce(sh("echo out; echo err >&2"))
        expect([...lines].sort()).toEqual(["err", "out"])
    })

    it("reads one that prints very much slowly, and counts all of it", async () => {
        const begun = performance.now()
        const argv = sh("echo first; head -c 20000 /dev/zero | tr '\\0' '\\n'; head -c 10000000 /dev/zero")
        const { outcome, lines } = await runOnce(argv)
        expect(outcome).toEqual({ ended: "exit", code: 0 })
        expect([lines[0], lines.at(-1)]).toEqual(["first", `… ${20_002 - MOST_LINES} more lines not shown`])
        // A mebibyte freely, then a pipe's room every 5 ms: a timer is late, but not early. As it comes it takes 100 ms.
        expect(performance.now() - begun).toBeGreaterThan(400)
    })

    it("says why a program could not be run", async () => {
        writeFileSync(file("plain"), "no program", { mode: 0o600 })
        const missing = await runOnce(["/nonexistent/page"])
        expect(missing.outcome).toEqual({
            ended: "error",
            detail: "spawn /nonexistent/page: ENOENT (no such file or directory): there is no such program, or what it is written for is missing",
        })
        const plain = await runOnce([file("plain")])
        expect(plain.outcome).toMatchObject({ detail: expect.stringContaining("it is not executable") })
        const cut = await runOnce(["/usr/bin/printf", "whole\0cut"])
        expect(cut.outcome).toEqual({ ended: "error", detail: "/usr/bin/printf: a NUL in a word" })
    })

    it("says which signal ended a program", async () => {
        const { outcome } = await runOnce(sh("kill -KILL $$"))
        expect(outcome).toEqual({ ended: "signal", signal: "SIGKILL" })
    })

    it("ends a whole group after its time, also one that ignores SIGTERM", async () => {
        const child = `(trap '' TERM; echo \${PPID} > /dev/null; exec sleep 600) & echo $! > '${file("child")}'`
        const { outcome } = await runOnce(sh(`trap '' TERM; ${child}; sleep 600 & wait; sleep 600`), 200)
        expect(outcome).toEqual({ ended: "timeout" })
        await expect.poll(() => alive(pidOf("child")), { timeout: 5000 }).toBe(false)
    })

    it("does not wait for what a program leaves in the background on purpose", async () => {
        const { outcome, lines } = await runOnce(sh(`sleep 600 & echo $! > '${file("left")}'; echo started; exit 4`))
        expect(outcome).toEqual({ ended: "exit", code: 4 })
        expect(lines).toEqual(["started"])
        expect(alive(pidOf("left"))).toBe(true)
        process.kill(pidOf("left"), "SIGKILL")
    })

    it("stop() kills what ignores SIGTERM", async () => {
        commands = spawnCommands()
        const lines: string[] = []
        const outcomes: CommandOutcome[] = []
        const argv = sh("trap '' TERM; echo ready; while :; do sleep 0.1; done")
        const job: CommandJob = { lane: "x", argv, timeout: 60_000, output: (line) => lines.push(line) }
        commands.run(job, (outcome) => outcomes.push(outcome))
        await expect.poll(() => lines, { timeout: 10_000 }).toEqual(["ready"])
        await commands.stop()
        expect(outcomes).toEqual([{ ended: "signal", signal: "SIGKILL" }])
    })
})

function go(directory: string, ...argv: string[]) {
    const [shell = "", ...words] = goingTo(directory, argv)
    return spawnSync(shell, words, { encoding: "utf8" })
}

function settled(test: () => unknown) {
    return expect.poll(test, { timeout: 20_000, interval: 10 })
}

function sh(script: string): string[] {
    return ["/bin/sh", "-c", script]
}

function alive(pid: number): boolean {
    try {
        process.kill(pid, 0)
        // A zombie that nobody has waited for yet is not alive.
        return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
    } catch {
        return false
    }
}
