import { describe, expect, it } from "vitest"
import type { Marking } from "../../../src/adapters/config/one-time.ts"
import { readKnockdConf } from "../../../src/core/knockd/conf.ts"
import { doorsOf } from "../../../src/core/knockd/doors.ts"
import { readOneTimeFile } from "../../../src/core/knockd/one-time.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { DryFiles, dryLine, idleCommands } from "../../../src/daemon/knockd/dry-run.ts"
import { OneTime } from "../../../src/daemon/knockd/one-time.ts"
import { readKnockdWords } from "../../../src/daemon/knockd/words.ts"

const read = (...words: readonly string[]) => readKnockdWords(words, false)

describe("readKnockdWords()", () => {
    it("leaves to the configuration what is not said", () => {
        expect(read().run).toEqual({
            interface: null,
            background: false,
            config: "/etc/knockd.conf",
            debug: false,
            lookup: false,
            pidFile: null,
            logFile: null,
            verbose: false,
            onlyIpv4: false,
            dryRun: false,
        })
    })

    it("reads every option, short, long, in one word and cut short", () => {
        const all = ["-dDlv4", "-ieth1", "--conf=/c", "-p", "/p", "--logfile", "/g", "operand"]
        expect(read(...all).run).toEqual({
            interface: "eth1",
            background: true,
            config: "/c",
            debug: true,
            lookup: true,
            pidFile: "/p",
            logFile: "/g",
            verbose: true,
            onlyIpv4: true,
            dryRun: false,
        })
    })

    it("a dry run stays in the foreground, and says what it does", () => {
        expect(read("-dn").run).toMatchObject({ dryRun: true, background: false, verbose: true })
        expect(read("--dry-run").run).toEqual(read("-n").run)
    })

    it("shows the help after a mistake, and looks no further than what is to be shown", () => {
        expect(read("-x", "-V")).toEqual({ run: null, mistakes: ["invalid option -- 'x'"], show: "help" })
        expect(read("-v", "-V", "-x")).toEqual({ run: null, mistakes: [], show: "version" })
        expect(read("--help")).toEqual({ run: null, mistakes: [], show: "help" })
        expect(read("-c")).toMatchObject({ run: null, show: "help" })
    })
})

describe("a dry run", () => {
    it("remembers what is used of a file, and leaves the rest of its text as it is", () => {
        const files = new DryFiles()
        const text = "# mine\n 1,2\n3,4\n 1,2\n bad\n"
        const hits = readOneTimeFile(text).unused.map((line) => line.hits)
        expect(files.text("/f", text)).toBe(text)
        expect(files.mark("/f", hits[0]!)).toEqual({ ok: true })
        expect(files.text("/f", text)).toBe("# mine\n#1,2\n3,4\n#1,2\n bad\n")
        expect(files.text("/g", text)).toBe(text)
        files.mark("/f", hits[1]!)
        expect(files.text("/f", "9,9\n3,4\n")).toBe("9,9\n#,4\n")
    })

    it("has every command end well, and runs none", async () => {
        const commands = idleCommands()
        const job = { lane: "a", argv: ["/bin/false"], timeout: 1, output: () => {} }
        const outcome = new Promise((resolve) => {
            expect(commands.run(job, resolve)).toBe(true)
        })
        expect(await outcome).toEqual({ ended: "exit", code: 0 })
        expect(commands.load()).toEqual({ running: 0, waiting: 0 })
        await commands.stop()
    })

    it("says what it would run", () => {
        expect(dryLine("ssh: running command: echo : running command: x")).toBe(
            "ssh: would run command: echo : running command: x",
        )
        expect(dryLine("192.0.2.1: ssh: Stage 1")).toBe("192.0.2.1: ssh: Stage 1")
    })
})

describe("OneTime.spend()", () => {
    const text =
        "[a]\none_time_sequences = /f\n[b]\none_time_sequences = /f\n[c]\none_time_sequences = /g\n[d]\nsequence = 1\n"
    const file = { ok: true, text: " 1,2\n 3,4\n" } as const
    const reading = readKnockdConf(
        text,
        new Map([
            ["/f", file],
            ["/g", file],
        ]),
    )
    if (!reading.ok || !("conf" in reading)) throw new Error("the configuration is wrong")
    const doors = new Map(doorsOf(reading.conf).map((made) => [made.door.name, made]))

    function keep(marking: Marking) {
        const marked: string[] = []
        const told: string[] = []
        let used = 0
        const oneTime = new OneTime({
            mark: (path, hits) => {
                marked.push(`${path} ${hits.map(({ port }) => port).join()}`)
                return marking
            },
            log: (line) => told.push(line),
            used: () => used++,
        })
        oneTime.turn(doors)
        return { oneTime, marked, told, used: () => used }
    }

    const [somebody, another] = [parseAddress("192.0.2.1")!, parseAddress("192.0.2.2")!]

    it("marks before it says yes, once for a file, and says yes to one source, once for each door of the file", () => {
        const { oneTime, marked, used } = keep({ ok: true })
        expect(oneTime.spend("a", somebody)).toBe(true)
        expect(["a", "b"].map((door) => oneTime.spend(door, another))).toEqual([false, false])
        expect(["a", "b", "b", "c"].map((door) => oneTime.spend(door, somebody))).toEqual([false, true, false, true])
        expect(marked).toEqual(["/f 1,2", "/g 1,2"])
        expect(used()).toBe(2)
        oneTime.turn(doors)
        expect(oneTime.spend("b", another)).toBe(true)
    })

    it("says no for what cannot be marked, why, and for what is no one-time door", () => {
        const { oneTime, told, used } = keep({ ok: false, why: "failed", detail: "read-only" })
        expect(oneTime.spend("a", somebody)).toBe(false)
        expect(told).toEqual(["/f: cannot be marked: read-only"])
        // The file is read again: somebody may have mended it.
        expect(used()).toBe(1)
        expect(["b", "d", "nobody"].map((door) => oneTime.spend(door, somebody))).toEqual([false, false, false])
        const gone = keep({ ok: false, why: "gone" })
        expect(gone.oneTime.spend("a", somebody)).toBe(false)
        expect(gone.told).toEqual([])
    })
})
