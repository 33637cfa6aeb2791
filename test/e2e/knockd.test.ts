/**
 * Commands for the beginning and the end of `postern knockd`, as processes: who waits for them, what reaches them, and
 * what is left of one that hangs. In a namespace of its own, on loopback.
 */
import { once } from "node:events"
import {
    existsSync,
    mkdirSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    rmdirSync,
    rmSync,
    writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { eventually, POSTERN } from "../lab/lab.ts"
import { makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"

const why = whyNoNamespaces()

describe.skipIf(why !== null)("postern knockd with On_Start and On_Stop", () => {
    let host: Namespace
    let folder: string
    beforeEach(() => {
        host = makeNamespace("host")
        folder = mkdtempSync(join(tmpdir(), "postern-knockd-"))
    })
    afterEach(() => {
        host.remove()
        rmSync(folder, { recursive: true, force: true })
    })

    const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "")
    const start = (options: string, ...words: readonly string[]) => startIn(folder, options, ...words)
    const startIn = (cwd: string, options: string, ...words: readonly string[]) => {
        const conf = join(folder, "knockd.conf")
        const door = `[door]\n sequence = 7000,8000\n command = echo opened >> ${folder}/done\n`
        writeFileSync(conf, `[options]\n interface = lo\n logfile = ${folder}/log\n${options}${door}`)
        const env = { ...process.env, POSTERN_KNOCKD_STATE: join(folder, "state") }
        const child = host.start([POSTERN, "knockd", "-c", conf, ...words], { env, cwd })
        return { child, ended: once(child, "exit") }
    }
    const knock = () => {
        // Nobody answers, which is what bash then says.
        for (const port of [7000, 8000]) host.exec(["bash", "-c", `: </dev/tcp/127.0.0.1/${port}`])
    }

    it("counts no hit before On_Start has ended, and begins in the background only then", async () => {
        const onStart = `ls /proc/self/fd > ${folder}/fds; env > ${folder}/env; while [ ! -e ${folder}/go ]; do sleep .02; done`
        const options = ` on_start = ${onStart}\n on_stop = echo ended >> ${folder}/done\n pidfile = ${folder}/pid\n`
        const { child, ended } = start(options, "-d")
        expect(await eventually(() => existsSync(join(folder, "env")))).toBe(true)
        knock()
        expect([child.exitCode, read("pid")]).toEqual([null, ""])
        writeFileSync(join(folder, "go"), "")
        expect((await ended)[0]).toBe(0)
        expect(read("log")).not.toContain("Stage")
        knock()
        expect(await eventually(() => read("done") === "opened\n")).toBe(true)
        // The last is that of ls.
        expect(read("fds")).toBe("0\n1\n2\n3\n")
        expect(read("env")).not.toMatch(/POSTERN_KNOCKD_BEHIND|NODE_CHANNEL/)
        process.kill(Number(read("pid")), "SIGTERM")
        expect(await eventually(() => read("log").endsWith("shutting down\n"))).toBe(true)
        expect(await eventually(() => read("pid") === "")).toBe(true)
        expect(read("done")).toBe("opened\nended\n")
    })

    it("ends with a signal during an On_Start that hangs, which leaves nothing running, and runs On_Stop", async () => {
        const onStart = `trap "" TERM; echo $$ > ${folder}/group; sleep 600 & sleep 600`
        const { child, ended } = start(` on_start = ${onStart}\n on_stop = echo ended >> ${folder}/done; exit 7\n`)
        expect(await eventually(() => read("group").endsWith("\n"))).toBe(true)
        child.kill("SIGTERM")
        expect((await ended)[0]).toBe(15)
        expect(read("done")).toBe("ended\n")
        const lines = read("log").split("\n").filter(Boolean)
        expect(lines.map((line) => line.replace(/^\[[^\]]*\] /, "").split(folder)[0])).toEqual([
            'on_start: running command: trap "" TERM; echo $$ > ',
            "on_start: command was ended by SIGKILL",
            "on_stop: running command: echo ended >> ",
            "on_stop: command returned non-zero status code (7)",
            "shutting down",
        ])
        expect(alive(Number(read("group")))).toEqual([])
    })

    it("lets a command that runs come to its end, and its stop run, also where our directory is gone", async () => {
        mkdirSync(join(folder, "gone"))
        const sleeper = `echo began >> ${folder}/done; until [ -e ${folder}/go ]; do sleep .02; done; echo went >> ${folder}/done`
        const stop = ` stop_command = echo stopped >> ${folder}/done\n cmd_timeout = 0\n`
        const slow = `[slow]\n sequence = 7000\n start_command = ${sleeper}\n${stop}`
        const { child, ended } = startIn(join(folder, "gone"), slow)
        expect(await eventually(() => read("log").includes("starting up"))).toBe(true)
        rmdirSync(join(folder, "gone"))
        knock()
        expect(await eventually(() => read("done").split("\n").length === 3)).toBe(true)
        // Node's debugger would listen on loopback.
        child.kill("SIGUSR1")
        expect(await eventually(() => host.must(["ss", "-ltnH"]) !== "", 300)).toBe(false)
        child.kill("SIGTERM")
        // From then on nothing else is told.
        expect(await eventually(() => !sigCaught(child.pid!))).toBe(true)
        writeFileSync(join(folder, "go"), "")
        expect((await ended)[0]).toBe(15)
        expect(read("done").split("\n").sort()).toEqual(["", "began", "opened", "stopped", "went"])
    })

    it("runs neither where it cannot begin", async () => {
        const { ended } = start(
            ` on_start = echo began >> ${folder}/done\n on_stop = echo ended >> ${folder}/done\n`,
            "-i",
            "none0",
        )
        expect((await ended)[0]).toBe(1)
        expect(read("done")).toBe("")
    })
})

/** Processes of this group that are more than an entry that nobody has asked for. */
function alive(group: number): string[] {
    const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
    return all.filter((pid) => {
        try {
            const [state, , itsGroup] = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/.*\) /s, "").split(" ")
            return Number(itsGroup) === group && state !== "Z"
        } catch {
            return false
        }
    })
}

/** Does this process still wait for a SIGTERM? */
function sigCaught(pid: number): boolean {
    const [, mask = "0"] = /^SigCgt:\s+(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? []
    return (BigInt(`0x${mask}`) & (1n << 14n)) !== 0n
}
