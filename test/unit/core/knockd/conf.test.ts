import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it, test } from "vitest"
import {
    type FoundFile,
    type KnockdReading,
    readKnockdConf,
    surveyKnockdConf,
} from "../../../../src/core/knockd/conf.ts"
import type { Oddity } from "../../../../src/core/knockd/oddities.ts"
import { sequenceText } from "../../../../src/core/knockd/sequence.ts"
import { ACK, SYN } from "../../../../src/core/net/packet.ts"
import { confCase } from "../../../lab/knockd-conf.ts"

/** One of `vectors/knockd/configurations.json`. */
type Vector = {
    readonly name: string
    readonly conf: string
    readonly files?: Readonly<Record<string, string>>
    readonly told: readonly string[]
    readonly said: readonly string[]
    readonly refused: boolean
}

const vectors: readonly Vector[] = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../../../vectors/knockd/configurations.json"), "utf8"),
)

type Read = Exclude<KnockdReading, { readonly wants: readonly string[] }>

/** Reads with all the files there are. */
function read(conf: string, there: Readonly<Record<string, string>> = {}, named: string | null = null): Read {
    const files = new Map<string, FoundFile>()
    for (;;) {
        const reading = readKnockdConf(conf, files, named)
        if (!("wants" in reading)) return reading
        expect(reading.wants.length).toBeGreaterThan(0)
        for (const wants of reading.wants) {
            const text = there[wants.replace(/^\.\//, "")]
            const detail = wants === "." ? "Is a directory" : "No such file or directory"
            // What was wanted once and is known is not wanted again: this loop ends.
            expect(files.has(wants)).toBe(false)
            files.set(wants, text === undefined ? { ok: false, detail } : { ok: true, text })
        }
    }
}

/** What is odd about a file that knockd takes. */
function oddities(conf: string, there: Readonly<Record<string, string>> = {}): readonly Oddity[] {
    const reading = read(conf, there)
    expect(reading.ok).toBe(true)
    return reading.oddities
}

function good(conf: string, there: Readonly<Record<string, string>> = {}, named: string | null = null) {
    const reading = read(conf, there, named)
    if (!reading.ok) throw new Error(reading.message)
    return reading.conf
}

describe("readKnockdConf() says what knockd says", () => {
    test.each(vectors)("$name", ({ conf, files, told, said, refused }) => {
        const reading = read(conf, files)
        // They were recorded with an interface named.
        expect(read(conf, files, "nosuch0").told).toEqual(told)
        expect([...reading.warned, ...(reading.ok ? [] : [reading.message])]).toEqual(said)
        expect(reading.ok).toBe(!refused)
    })
})

describe("readKnockdConf()", () => {
    it("takes doors with no one-time sequence left, if asked to, and goes on", () => {
        const conf = "[a]\none_time_sequences = once\n[b]\nsequence = 1\n[c]\nsequence = 2\none_time_sequences = once\n"
        const files = new Map([["once", { ok: true, text: "#1,2\n" }]] as const)
        const hits = (text: string) => {
            const reading = readKnockdConf(text, files, null, "taken")
            return reading.ok ? reading.conf.doors.map((door) => sequenceText(door.hits)) : reading
        }
        expect(hits(conf)).toEqual(["", "1:tcp", ""])
        expect(hits(`${conf}sequence = 3\n`)).toEqual(["", "1:tcp", "3:tcp"])
        expect(hits(`${conf}foo\n`)).toMatchObject({ ok: false, line: 8 })
        expect(readKnockdConf(conf, files)).toMatchObject({ ok: false, line: 2 })
    })

    it("has knockd's defaults", () => {
        expect(good("[d]\nsequence = 1:udp, 2")).toEqual({
            options: {
                useSyslog: false,
                logFile: null,
                pidFile: null,
                interface: null,
                allowDuplicates: false,
                strict: false,
                onStart: null,
                onStop: null,
            },
            doors: [
                {
                    name: "d",
                    line: 1,
                    hits: [
                        { protocol: "udp", port: 1 },
                        { protocol: "tcp", port: 2 },
                    ],
                    oneTime: null,
                    seqTimeout: 25,
                    flags: { set: 0, clear: 0 },
                    target: null,
                    start: null,
                    start6: null,
                    cmdTimeout: 10,
                    stop: null,
                    stop6: null,
                    strict: false,
                    cooldown: 0,
                },
            ],
        })
    })

    it("reads every key, by all its names", () => {
        const options = "[options]\nUseSyslog\nLogFile = l\nPidFile = p\nInterface = i\n"
        const door = "[d]\nsequence = 1\ntcpflags = syn\nTcpFlags = !ack\ntarget = 192.0.2.1\n"
        const times = "seq_timeout = 1\ntimeout = 2\ncmd_timeout = 3\n"
        const commands = "command = a\nstart_command = b\ncommand_6 = c\nstart_command_6 = d\nstop_command = e\n"
        const conf = good(`${options}${door}${times}${commands}stop_command_6 =\n`)
        expect(conf.options).toMatchObject({ useSyslog: true, logFile: "l", pidFile: "p", interface: "i" })
        expect(conf.doors).toEqual([
            expect.objectContaining({
                flags: { set: SYN, clear: ACK },
                target: "192.0.2.1",
                seqTimeout: 2,
                cmdTimeout: 3,
                start: "b",
                start6: "d",
                stop: "e",
                stop6: "",
            }),
        ])
    })

    it("takes the first interface, and before it that of the command line", () => {
        const text = "[options]\ninterface =\ninterface = one\ninterface = two\n"
        expect(good(text).options.interface).toBe("one")
        expect(good(text, {}, "three").options.interface).toBe("three")
        expect(good(text, {}, "").options.interface).toBe("one")
        expect(read(text, {}, "three").told).toEqual(["config: new section: 'options'"])
        expect(good(`[options]\ninterface = ${"i".repeat(40)}\n`).options.interface).toBe("i".repeat(31))
    })

    it("reads what knockd has not, tells of it, and finds each of them odd", () => {
        const options = "[options]\nALLOWDUPLICATES\n Strict \non_start = a b\nOn_Stop = c\non_start = d # e\n"
        const text = `${options}[one]\nsequence = 1\ncooldown = 1\nSeq_Cooldown = 2\n[two]\nstrict\nsequence = 3\n`
        const reading = read(text)
        expect(reading).toMatchObject({
            ok: true,
            conf: {
                options: { allowDuplicates: true, strict: true, onStart: "d # e", onStop: "c" },
                doors: [
                    { strict: false, cooldown: 2 },
                    { strict: true, cooldown: 0 },
                ],
            },
        })
        expect(reading.told).toEqual([
            "config: new section: 'options'",
            "config: allowduplicates",
            "config: strict",
            "config: on_start: a b",
            "config: on_stop: c",
            "config: on_start: d # e",
            "config: new section: 'one'",
            "config: one: sequence: 1:tcp",
            "config: one: seq_cooldown: 1",
            "config: one: seq_cooldown: 2",
            "config: new section: 'two'",
            "config: two: strict",
            "config: two: sequence: 3:tcp",
        ])
        expect(reading.oddities.map(({ odd, line }) => `${line} ${odd}`)).toEqual([
            "2 extra",
            "3 extra",
            "4 extra",
            "5 extra",
            "6 twice",
            "6 extra",
            "6 comment",
            "9 extra",
            "10 twice",
            "10 extra",
            "12 extra",
        ])
    })

    it("refuses them where they do not belong, or with a value, or without one, as knockd refuses what it does not know", () => {
        for (const line of ["strict = yes", "on_start", "allowduplicates =", "cooldown = 5", "seq_cooldown"])
            expect([line, read(`[options]\n${line}\n`)]).toMatchObject([
                line,
                { line: 2, message: "config: line 2: syntax error" },
            ])
        for (const line of [
            "strict =",
            "on_start = x",
            "on_stop = x",
            "allowduplicates",
            "seq_cooldown",
            "cool_down = 1",
        ])
            expect([line, read(`[d]\n${line}\n`)]).toMatchObject([line, { line: 2, oddities: [] }])
        expect(read("strict\n")).toMatchObject({ line: 1 })
    })

    it("takes a list of interfaces whole, where knockd cuts a name", () => {
        const list = Array.from({ length: 9 }, (_, i) => `lan${i}`).join(", ")
        expect(good(`[options]\ninterface = ${list}\n`).options.interface).toBe(list)
    })

    it("asks for all files of one-time sequences that it comes to, at once", () => {
        const [one, two] = ["one_time_sequences = once\n", "one_time_sequences = twice\n"]
        const text = `[c]\n${one}[d]\n${two}[e]\n${one}foo\none_time_sequences = never\n`
        expect(readKnockdConf(text, new Map())).toEqual({ ok: false, wants: ["once", "twice"] })
        expect(read("[d]\nfoo\none_time_sequences = once\n")).toMatchObject({ line: 2 })
    })

    it("takes the first unused line of such a file, and goes by the last of the two keys", () => {
        const there = { once: "# 1\n 2,3\n 4\n" }
        const [door] = good("[d]\none_time_sequences = once\n", there).doors
        expect([door!.oneTime, door!.hits.map(({ port }) => port)]).toEqual(["once", [2, 3]])
        expect(good("[d]\nsequence = 9\none_time_sequences = once\n", there).doors[0]!.hits).toHaveLength(2)
    })

    it("counts lines as an editor does for the place, and as knockd does in its words", () => {
        const long = `[d]\n#${" ".repeat(5000)}\nfoo\n`
        expect(read(long)).toMatchObject({ ok: false, line: 3, message: "config: line 4: syntax error" })
        expect(read("[a]\n\n[d]\ncommand = x\n[b]\nsequence = 1\n")).toMatchObject({
            line: 1,
            message: "error: section 'a' has an empty knock sequence",
        })
    })

    it("has what was odd before the first mistake, too", () => {
        const reading = read("[Options]\nsequence = ssh\nfoo\n")
        expect(reading.ok).toBe(false)
        expect(reading.oddities.map(({ odd }) => odd)).toEqual(["options", "port"])
    })

    it("never throws, whatever the bytes", () => {
        const bytes = fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes))
        fc.assert(
            fc.property(bytes, bytes, (conf, once) => void read(`[d]\none_time_sequences=once\n${conf}`, { once })),
        )
        fc.assert(
            fc.property(confCase, ({ conf, files }) => void read(conf, files)),
            { numRuns: 200 },
        )
    })
})

/** A door with these lines as well, from its third on. */
const door = (...lines: readonly string[]) => `[d]\nsequence = 1\n${lines.join("\n")}\n`

/** Reads all of it; in the file `once` every sequence is used. */
function survey(conf: string) {
    const found = surveyKnockdConf(conf, new Map([["once", { ok: true, text: "# 1\n" }]]))
    if (!found.ok) throw new Error(found.wants.join())
    return found
}

describe("surveyKnockdConf()", () => {
    it("reads to the end, and leaves the lines with mistakes out", () => {
        const conf = "x\n[]\n[a]\nsequence = 1:x\nfoo = 1\ntarget = y\n[b]\ntcpflags = syn,ece\n"
        const { faults, conf: read } = survey(
            `${conf}[c]\none_time_sequences = once\n[options]\ninterface = z\nlogfile\n`,
        )
        expect(faults.map(({ line, door: name, fault }) => [line, name, fault])).toEqual([
            [1, null, "no-section"],
            [2, null, "section"],
            [4, "a", "protocol"],
            [5, "a", "key"],
            [8, "b", "flag"],
            [10, "c", "used-up"],
            [13, null, "key"],
            [7, "b", "no-sequence"],
        ])
        expect(read.doors.map(({ name, target, hits }) => [name, target, hits.length])).toEqual([
            ["", null, 0],
            ["a", "y", 0],
            ["b", null, 0],
            ["c", null, 0],
        ])
        expect(read.options.interface).toBe("z")
    })

    it("knows where the directives stand that count", () => {
        const { places } = survey(
            "[options]\ninterface = a\ninterface = b\n[d]\ntimeout = 1\nsequence = 1\nseq_timeout = 2\n",
        )
        expect(Object.fromEntries(places.options)).toEqual({ INTERFACE: 2 })
        expect(places.doors.map((all) => Object.fromEntries(all))).toEqual([{ SEQ_TIMEOUT: 7, SEQUENCE: 6 }])
    })

    it("refuses what readKnockdConf() refuses, first for the same reason", () => {
        let refused = 0
        fc.assert(
            fc.property(confCase, ({ conf, files }) => {
                const all = new Map<string, FoundFile>(
                    Object.entries(files).map(([name, text]) => [name, { ok: true, text }]),
                )
                const found = surveyKnockdConf(conf, all)
                const reading = readKnockdConf(conf, all)
                if (!found.ok || "wants" in reading) return
                expect(found.faults.length === 0).toBe(reading.ok)
                if (reading.ok) expect(found.conf).toEqual(reading.conf)
                else {
                    refused++
                    expect(found.faults[0]).toMatchObject({ line: reading.line, message: reading.message })
                }
            }),
        )
        expect(refused).toBeGreaterThan(10)
    })
})

describe("readKnockdConf() finds odd", () => {
    const cases: readonly (readonly [string, string, readonly object[]])[] = [
        ["nothing in a plain file", door("tcpflags = syn", "seq_timeout = 5", "command = x"), []],
        ["a port that is a word", "[d]\nsequence = ssh", [{ line: 2, door: "d", odd: "port", text: "ssh", port: 0 }]],
        ["a port below 0", "[d]\nsequence = -1", [{ odd: "port", text: "-1", port: 65_535 }]],
        ["a port that wraps", "[d]\nsequence = 4294967318", [{ odd: "port", text: "4294967318", port: 22 }]],
        ["port 0", "[d]\nsequence = 0", [{ odd: "port", text: "0", port: 0 }]],
        ["no port at all", "[d]\nsequence = 1,,2", [{ odd: "port", text: "", port: 0 }]],
        ["a port in hexadecimal", "[d]\nsequence = 0x10", [{ odd: "port", text: "0x10", port: 0 }]],
        ["a plus", "[d]\nsequence = +5", [{ odd: "port", text: "+5", port: 5 }]],
        ["a third part", "[d]\nsequence = 1:udp:x", [{ odd: "rest", text: "1:udp:x" }]],
        ["a time with a unit", door("seq_timeout = 1m"), [{ line: 3, odd: "number", key: "SEQ_TIMEOUT", value: 1 }]],
        ["a time that wraps", door("cmd_timeout = 4294967295"), [{ odd: "number", key: "CMD_TIMEOUT", value: -1 }]],
        ["a comment behind a value", door("command = x # y"), [{ odd: "comment", key: "COMMAND" }]],
        ["no comment in a#b", door("command = x#y"), []],
        ["a long line", door(`#${" ".repeat(4200)}`), [{ line: 3, odd: "long" }]],
        ["no line of 4094 bytes and its end", door(`#${"x".repeat(4093)}`), []],
        ["a section again", `${door()}[d]\nsequence = 2`, [{ line: 4, door: "d", odd: "again" }]],
        ["[Options]", "[Options]\nsequence = 1", [{ line: 1, door: "Options", odd: "options" }]],
        ["a key again", door("sequence = 2"), [{ line: 3, odd: "twice", key: "SEQUENCE", counts: "last" }]],
        [
            "a key again by its other name",
            door("timeout = 2", "seq_timeout = 1"),
            [{ odd: "twice", key: "SEQ_TIMEOUT" }],
        ],
        ["no flags again", door("tcpflags = syn", "tcpflags = !ack"), []],
        ["an interface again", "[options]\ninterface = a\ninterface = b", [{ odd: "twice", counts: "first" }]],
        ["what stands behind a NUL", door("command = a\0b"), [{ line: 3, odd: "nul" }]],
        ["a name of more than 127 bytes", `[${"n".repeat(128)}]\nsequence = 1`, [{ odd: "name" }]],
        ["UseSyslog in a door", door("usesyslog"), [{ line: 3, odd: "syslog" }]],
        ["a flag both ways", door("tcpflags = syn,!syn"), [{ odd: "flags" }]],
    ]
    it.each(cases)("%s", (_name, conf, wanted) => {
        const found = oddities(conf)
        expect(found).toEqual(wanted.map((odd) => expect.objectContaining(odd)))
    })

    it("a piece of a long line that is none, before the one that counts", () => {
        const once = `1:x${" ".repeat(4092)}2,3\n`
        const reading = read("[d]\none_time_sequences = once\n", { once })
        expect([reading.ok, reading.warned.length]).toEqual([true, 1])
    })

    it("lines of a file of one-time sequences that are none, also behind the one that counts", () => {
        const there = { once: "1:x\n 2,3\n70000\n" }
        const conf = "[d]\none_time_sequences = once\n"
        expect(oddities(conf, there)).toEqual([
            expect.objectContaining({ odd: "unusable", line: 2, path: "once", at: 1 }),
            expect.objectContaining({ odd: "unusable", line: 2, path: "once", at: 3 }),
        ])
        const reading = read(conf, there)
        expect(reading.warned).toEqual(["config: section d: unknown protocol in knock sequence"])
    })
})
