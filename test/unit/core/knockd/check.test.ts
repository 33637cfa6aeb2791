import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Service } from "../../../../src/core/knock/hit.ts"
import { checkKnockd, type KnockdHost, type SourceFile } from "../../../../src/core/knockd/check.ts"
import { surveyKnockdConf } from "../../../../src/core/knockd/conf.ts"
import type { KnockdIssue } from "../../../../src/core/knockd/problems.ts"
import { confCase } from "../../../lab/knockd-conf.ts"

const NOWHERE: KnockdHost = { listening: null, lacks: null }

type Files = Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>

function check(conf: string, there: Files = {}, host = NOWHERE, mode = 0o600): readonly KnockdIssue[] {
    const oneTime = new Map<string, SourceFile>()
    for (;;) {
        const survey = surveyKnockdConf(conf, oneTime)
        if (survey.ok)
            return checkKnockd({ file: "k.conf", conf: { ok: true, text: conf, mode }, survey, oneTime }, host)
        for (const path of survey.wants) {
            const file = there[path]
            const found = typeof file === "string" ? { text: file, mode: 0o600 } : file
            expect(oneTime.has(path)).toBe(false)
            oneTime.set(
                path,
                found === undefined ? { ok: false, detail: "No such file or directory" } : { ok: true, ...found },
            )
        }
    }
}

/** `line severity code path`, with the file where it is another one. */
const shown = ({ file, line, severity, code, path }: KnockdIssue) =>
    `${file === "k.conf" ? "" : `${file}:`}${line} ${severity} ${code} ${path}`.trimEnd()

const HITS = "32144, 21312:udp, 48231, 5713:udp, 61402"
const COMMAND = "start_command = /usr/local/bin/open %IP%"
/** A door with nothing to say against it but that its knock is fixed, and with these lines from its fifth on. */
const door = (...lines: readonly string[]) =>
    ["[d]", `sequence = ${HITS}`, "tcpflags = syn", COMMAND, ...lines, ""].join("\n")
/** Another one, with these lines. */
const other = (...lines: readonly string[]) => ["[d]", "tcpflags = syn", COMMAND, ...lines, ""].join("\n")
const once = (text: string, mode = 0o600) => ({ "/once": { text, mode } })
const ONCE = ["[d]", "tcpflags = syn", COMMAND, "one_time_sequences = /once", ""].join("\n")
/** Six that nothing can be said against. */
const LINES = [11, 12, 13, 14, 15, 16].map((n) => ` 321${n}, 213${n}:udp, 482${n}, 57${n}:udp, 614${n}`).join("\n")

/** Name, configuration, what is found beside "replayable"; more files, what the host lacks. */
type Case = readonly [string, string, readonly string[], Files?, (readonly string[])?]

const MISTAKES: readonly Case[] = [
    ["a line before any section", `logfile = x\npidfile = y\n${door()}`, ["1 error no-section"]],
    ["a section without a name", `[]\nsequence = 1\n${door()}`, ["1 error section"]],
    ["text behind a section", `${door()}[x] y\n`, ["5 error key d"]],
    ["an unknown key", door("foo = 1"), ["5 error key d"]],
    ["a comment with ;", door("; no comment"), ["5 error key d"]],
    ["a key without a value", door("target"), ["5 error key d"]],
    ["UseSyslog with a value", `[options]\nusesyslog = yes\n${door()}`, ["2 error key"]],
    ["an option in a door", door("logfile = /x"), ["5 error key d"]],
    ["a directive in [options]", `[options]\ncommand = x\n${door()}`, ["2 error key"]],
    [
        "a line that is too long, and no comment",
        door(`target = ${"x".repeat(5000)}`),
        ["5 error key d", "5 warning target-name d.target"],
    ],
    ["a flag that is none", door("tcpflags = syn, ack"), ["5 error flag d.tcpflags"]],
    ["a port above 65535", other("sequence = 1,70000"), ["4 error port d.sequence[1]"]],
    ["another protocol", other("sequence = 1:icmp"), ["4 error protocol d.sequence[0]"]],
    [
        "33 hits",
        other(`sequence = ${Array.from({ length: 33 }, (_, i) => 5000 + i * i).join(",")}`),
        ["4 error many d.sequence"],
    ],
    ["no sequence", other(), ["1 error no-sequence d"]],
    ["no such file", ONCE, ["4 error unreadable d.one_time_sequences"]],
    ["a file that is used up", ONCE, ["4 error used-up d.one_time_sequences"], once("#1,2\n")],
    ["auto among others", `[options]\ninterface = eth0,auto\n${door()}`, ["2 error auto-among options.interface"]],
    ["a word with a value", `[options]\nstrict = yes\n${door()}`, ["2 error key"]],
    ["AllowDuplicates in a door", door("allowduplicates"), ["5 error key d"]],
    ["a command of the daemon in a door", door("on_start = x"), ["5 error key d"]],
    ["a cooldown for all", `[options]\ncooldown = 5\n${door()}`, ["2 error key"]],
    ["a network as target", door("target = 192.0.2.0/24"), ["5 error target-network d.target"]],
    ["an empty target", door("target ="), ["5 error target-empty d.target"]],
]

const ODDITIES: readonly Case[] = [
    [
        "a port that is a word",
        other("sequence = ssh,4711,17,30000:udp"),
        ["4 warning port d.sequence[0]", "4 warning well-known d.sequence[2]"],
    ],
    ["a third part", other("sequence = 20311:udp:x, 61402, 4712"), ["4 warning rest d.sequence[0]"]],
    ["a time with a unit", door("seq_timeout = 1m"), ["5 warning number d.seq_timeout"]],
    [
        "a comment behind a value",
        door("seq_timeout = 15 # s"),
        ["5 warning comment d.seq_timeout", "5 warning number d.seq_timeout"],
    ],
    ["a comment behind a sequence, once", other(`sequence = ${HITS} # x`), ["4 warning comment d.sequence"]],
    ["a long comment", door(`# ${" ".repeat(5000)}`), ["5 warning long d"]],
    ["a NUL", door("seq_timeout = 15\0 7"), ["5 warning nul d"]],
    ["a section again", `${door()}[d]\n${other("sequence = 61402, 4712, 30311").slice(4)}`, ["5 warning again d"]],
    ["[Options]", other("sequence = 61402, 4712, 30311").replace("[d]", "[Options]"), ["1 warning options Options"]],
    [
        "a long name",
        other("sequence = 61402, 4712, 30311").replace("d", "d".repeat(128)),
        [`1 warning name ${"d".repeat(127)}`],
    ],
    ["UseSyslog in a door", door("UseSyslog"), ["5 warning syslog d.usesyslog"]],
    ["a key again", door("target = 192.0.2.1", "target = 192.0.2.2"), ["6 warning twice d.target"]],
    ["flags that exclude themselves", door("tcpflags = !syn"), ["5 warning flags d.tcpflags"]],
    ["a bad line of a file", ONCE, ["/once:1 warning unusable"], once(` 1:x\n${LINES}`)],
]

const DOUBTS: readonly Case[] = [
    ["nothing in a good file", door("seq_timeout = 15"), []],
    ["nothing in good one-time sequences", ONCE, [], once(`#1,2\n${LINES}\n`)],
    ["no door", "[options]\nlogfile = /var/log/knockd.log\n", ["1 warning no-doors"]],
    ["one hit", other("sequence = 4711"), ["4 warning scannable d.sequence"]],
    ["two hits", other("sequence = 4711,50321"), ["4 warning short d.sequence"]],
    ["ascending ports", other("sequence = 4711,25000,50321"), ["4 warning in-order d.sequence"]],
    ["descending ports", other("sequence = 50321,25000,4711"), ["4 warning in-order d.sequence"]],
    ["neighbours", other("sequence = 4711,4720,4715,4713"), ["4 warning guessable d.sequence"]],
    ["a sequence of a manual", other("sequence = 10005,10006,10008"), ["4 warning in-order d.sequence"]],
    [
        "the sequence of knockd's manual page",
        other("sequence = 2222:udp,3333:tcp,4444:udp"),
        ["4 warning published d.sequence", "4 warning well-known d.sequence[0]"],
    ],
    ["a hit twice", other("sequence = 50321,50321,4711,25000"), ["4 warning twice-running d.sequence[1]"]],
    ["a hit again", other("sequence = 50321,4711,50321,25000"), ["4 warning repeated d.sequence[2]"]],
    [
        "a service of the host",
        other("sequence = 50321,4711,30022,25000"),
        ["4 warning listening d.sequence[2]"],
        {},
        ["tcp/30022"],
    ],
    ["two doors with one knock", `${door()}${door().replace("[d]", "[e]")}`, ["6 warning same-knock e.sequence"]],
    [
        "not if their flags exclude each other",
        `${door()}${door("tcpflags = !syn").replace("[d]", "[e]").replace("tcpflags = syn\n", "tcpflags = ack\n")}`,
        ["9 warning flags-not-new e.tcpflags"],
    ],
    [
        "not if their targets differ",
        `${door("target = 192.0.2.1")}${door("target = 192.0.2.2").replace("[d]", "[e]")}`,
        [],
    ],
    [
        "a knock that begins another",
        `${door()}${other(`sequence = ${HITS},40404`).replace("[d]", "[e]")}`,
        ["8 warning begins-alike e.sequence"],
    ],
    [
        "a knock that ends another",
        `${door()}${other(`sequence = 40404,${HITS}`).replace("[d]", "[e]")}`,
        ["8 warning ends-alike e.sequence"],
    ],
    [
        "a knock inside another",
        `${door()}${other(`sequence = 40404,${HITS},40405`).replace("[d]", "[e]")}`,
        ["8 warning contains e.sequence"],
    ],
    ["no flags", `[d]\nsequence = ${HITS}\n${COMMAND}\n`, ["1 warning any-packet d"]],
    ["no flags, and no TCP", `[d]\nsequence = 32144:udp, 5713:udp, 48231:udp, 21312:udp\n${COMMAND}\n`, []],
    ["flags of connections", door().replace("= syn", "= ack"), ["3 warning flags-not-new d.tcpflags"]],
    ["no time", door("seq_timeout = 0"), ["5 warning no-time d.seq_timeout"]],
    ["no time for a single hit", other("sequence = 4711", "seq_timeout = 0"), ["4 warning scannable d.sequence"]],
    ["much time", door("timeout = 61"), ["5 warning long-window d.seq_timeout"]],
    ["a name as target", door("target = gate.example"), ["5 warning target-name d.target"]],
    ["an address in another form", door("target = 2001:DB8:0::1"), ["5 warning target-form d.target"]],
    ["a good target", door("target = 2001:db8::1"), []],
    ["no command", `[d]\nsequence = ${HITS}\ntcpflags = syn\n`, ["1 warning no-command d"]],
    [
        "an empty start",
        door("start_command ="),
        ["5 warning twice d.start_command", "5 warning empty-start d.start_command"],
    ],
    ["an empty stop", door("stop_command ="), ["5 warning empty-stop d.stop_command"]],
    ["an empty start for IPv6 alone", door("start_command_6 ="), []],
    [
        "a stop without a start",
        `[d]\nsequence = ${HITS}\ntcpflags = syn\nstop_command = x\n`,
        ["4 warning stop-without-start d.stop_command"],
    ],
    ["a time without a stop", door("cmd_timeout = 5"), ["5 warning time-without-stop d.cmd_timeout"]],
    ["no time until the stop", door("stop_command = x", "cmd_timeout = 0"), ["6 warning stop-at-once d.cmd_timeout"]],
    ["a time that never ends", door("stop_command = x", "cmd_timeout = -1"), ["6 warning stop-never d.cmd_timeout"]],
    ["%ip%", door("stop_command = close %ip%"), ["5 warning placeholder d.stop_command"]],
    ["a quoted command", door('stop_command = "close %IP%"'), ["5 warning quoted d.stop_command"]],
    ["quotes of one word, and of several", door(`stop_command = "close" %IP% "x y"`), []],
    ["%IP", door("stop_command = close %IP"), ["5 warning placeholder d.stop_command"]],
    ["no slip in 100%%IP%", door("stop_command = close 100%%IP%"), []],
    [
        "a firewall for everybody",
        door("start_command_6 = ip6tables -P INPUT ACCEPT"),
        ["5 warning for-everyone d.start_command_6"],
    ],
    ["iptables for IPv6", door("stop_command = iptables -D INPUT -s %IP% -j ACCEPT"), ["5 note family d.stop_command"]],
    [
        "a command that grows too long",
        door(`stop_command = x ${"%IP% ".repeat(120)}`),
        ["5 warning too-long-when-expanded d.stop_command"],
    ],
    // 39 bytes for the longest address, in place of 4: 4095 bytes are not too many.
    [
        "a command that grows as long as it may",
        door(`stop_command = ${"x".repeat(4095 - 39 * 50)}${"%IP%".repeat(50)}`),
        [],
    ],
    [
        "a command that grows one byte longer",
        door(`stop_command = x${"x".repeat(4095 - 39 * 50)}${"%IP%".repeat(50)}`),
        ["5 warning too-long-when-expanded d.stop_command"],
    ],
    [
        "a program that is not there",
        door(),
        ["4 warning no-program d.start_command"],
        {},
        ["program /usr/local/bin/open"],
    ],
    [
        "an interface that is not there",
        `[options]\ninterface = lan7\n${door()}`,
        ["2 warning no-interface options.interface"],
        {},
        ["interface lan7"],
    ],
    ["no eth0", door(), ["1 warning no-interface"], {}, ["interface eth0"]],
    [
        "one of several interfaces",
        `[options]\ninterface = lan7, lan8\n${door()}`,
        ["2 note interfaces options.interface", "2 warning no-interface options.interface"],
        {},
        ["interface lan8", "interface any"],
    ],
    [
        "all interfaces, by name or not",
        `[options]\ninterface = any, lan8\n${door()}`,
        ["2 note interfaces options.interface"],
        {},
        ["interface lan8", "interface any"],
    ],
    ["those of the default routes", `[options]\ninterface = auto\n${door()}`, ["2 note interfaces options.interface"]],
    [
        "directives that knockd has not",
        `[options]\nAllowDuplicates\nstrict\nOn_Start = true\nON_STOP = true\n${door("Strict", "cooldown = 5")}`,
        [
            "2 note extra options.allowduplicates",
            "3 note extra options.strict",
            "4 note extra options.on_start",
            "5 note extra options.on_stop",
            "10 note extra d.strict",
            "11 note extra d.cooldown",
        ],
    ],
    [
        "a cooldown that is none",
        door("seq_cooldown = 0"),
        ["5 note extra d.seq_cooldown", "5 warning no-cooldown d.seq_cooldown"],
    ],
    [
        "a cooldown that is no number",
        door("seq_cooldown = abc"),
        ["5 note extra d.seq_cooldown", "5 warning number d.seq_cooldown", "5 warning no-cooldown d.seq_cooldown"],
    ],
    [
        "commands of the daemon that cannot be meant so",
        `[options]\non_start = /x %IP%\non_stop =\n${door()}`,
        [
            "2 note extra options.on_start",
            "2 warning no-source options.on_start",
            "2 warning no-program options.on_start",
            "3 note extra options.on_stop",
            "3 warning runs-nothing options.on_stop",
        ],
        {},
        ["program /x"],
    ],
    [
        "a directory that is not there",
        `[options]\nlogfile = /nowhere/log\npidfile = /pid\n${door()}`,
        ["2 warning no-directory options.logfile"],
        {},
        ["directory /nowhere"],
    ],
    [
        "a relative log file",
        `[options]\nlogfile = log\npidfile = p\n${door()}`,
        ["2 warning relative options.logfile", "3 warning relative options.pidfile"],
    ],
    [
        "a relative file of sequences",
        ONCE.replace("/once", "once"),
        ["4 warning relative d.one_time_sequences"],
        { once: LINES },
    ],
    ["both kinds of sequences", `${ONCE}sequence = ${HITS}\n`, ["5 warning both-sequences d.sequence"], once(LINES)],
    [
        "a file that two doors use",
        `${ONCE}${ONCE.replace("[d]", "[e]")}`,
        ["8 warning file-shared e.one_time_sequences"],
        once(LINES),
    ],
    ["a file with few left", ONCE, ["/once:2 note file-few"], once(`#1\n${LINES.split("\n", 2).join("\n")}`)],
    [
        "a file with five left, after the configuration",
        `${ONCE}cmd_timeout = 1\n`,
        ["5 warning time-without-stop d.cmd_timeout", "/once:1 note file-few"],
        once(LINES.split("\n").slice(1).join("\n")),
    ],
    ["a line without a blank", ONCE, ["/once:2 note line-without-blank"], once(LINES.replaceAll("\n ", "\n"))],
    ["a line again", ONCE, ["/once:7 warning line-again"], once(`${LINES}\n${LINES.split("\n")[3]!}`)],
    ["a bad knock in a file", ONCE, ["/once:7 warning scannable"], once(`${LINES}\n 4711`)],
    [
        "a file that all can read or write",
        ONCE,
        ["/once:1 warning readable", "/once:1 warning writable"],
        once(LINES, 0o666),
    ],
]

/** What the host has not, and what listens on it. */
function hostWith(facts: readonly string[]): KnockdHost {
    const listening = facts.flatMap((fact): Service[] => {
        const [, port] = /^tcp\/(\d+)$/.exec(fact) ?? []
        return port === undefined ? [] : [{ protocol: "tcp", port: Number(port) }]
    })
    return { listening, lacks: (kind, name) => facts.includes(`${kind} ${name}`) }
}

const codesOfMode = (mode: number) => check(ONCE, once(LINES), NOWHERE, mode).map(({ code }) => code)

/** What is said of a door with this line. */
const messages = (line: string) =>
    check(door(line))
        .map(({ message }) => message)
        .join("\n")

describe("checkKnockd() finds", () => {
    const cases = [...MISTAKES, ...ODDITIES, ...DOUBTS].map((one) => ({ name: one[0], one }))
    it.each(cases)("$name", ({ one: [, conf, wanted, files = {}, facts = []] }) => {
        const found = check(conf, files, hostWith(facts)).map(shown)
        expect(found.filter((one) => !one.includes("replayable"))).toEqual(wanted)
    })

    it("fixed knocks, once for all doors", () => {
        const conf = `${ONCE}${door().replace("[d]", "[e]")}${other("sequence = 61402, 4712, 30311").replace("[d]", "[f]")}`
        const found = check(conf, once(LINES))
        expect(found.map(shown)).toEqual(["6 note replayable e.sequence"])
        expect(found[0]!.message).toMatch(/^2 doors/)
        expect(check(ONCE, once(LINES))).toEqual([])
    })

    it("a configuration that everybody can read, or change", () => {
        expect([codesOfMode(0o644), codesOfMode(0o620), codesOfMode(0o640)]).toEqual([["readable"], ["writable"], []])
    })

    it("every mistake of a file, not the first alone, at its place", () => {
        const found = check("[a]\n sequence = 1,70000\n foo\n[b]\n\tbar = 1\n")
        const errors = found.filter(({ severity }) => severity === "error")
        expect(errors.map(({ line, column, path }) => [line, column, path])).toEqual([
            [2, 2, "a.sequence[1]"],
            [3, 2, "a"],
            [4, 1, "b"],
            [5, 2, "b"],
        ])
    })

    it("a file that cannot be read", () => {
        const source = {
            file: "k",
            conf: { ok: false, detail: "Is a directory" },
            survey: null,
            oneTime: new Map(),
        } as const
        expect(checkKnockd(source, NOWHERE)).toEqual([
            {
                severity: "error",
                code: "unreadable",
                file: "k",
                line: 0,
                column: 0,
                path: "",
                message: "cannot be read: Is a directory",
            },
        ])
    })

    it("no more than anybody reads, errors first", () => {
        const found = check(`${door()}${"# x\nfoo\n".repeat(3000)}`)
        expect(found.length).toBe(1001)
        expect(found.at(-1)).toMatchObject({ severity: "note", code: "too-many-doubts" })
        expect(found.filter(({ severity }) => severity === "error").length).toBe(1000)
    })
})

describe("checkKnockd()", () => {
    it("says who takes a number for another one: knockd knows no cooldown", () => {
        expect(messages("seq_timeout = 1m")).toContain("not a plain number: knockd takes it for 1;")
        expect(messages("cooldown = 5m")).toContain("not a plain number: it counts as 5;")
    })

    it("knows a sequence without commas from a port with a slip", () => {
        for (const text of ["7000 8000\t9000", "7000;8000", "7000-9000"])
            expect(messages(`sequence = ${text}`)).toContain("only commas separate hits:")
        for (const text of ["7000x", "0x1b58", "7000 # three"])
            expect(messages(`sequence = ${text}`)).not.toContain("only commas")
    })

    it("has the words that spec/knockd.md lists, and no others", () => {
        const page = readFileSync(join(import.meta.dirname, "../../../../spec/knockd.md"), "utf8").split(
            "## What is odd",
        )[1]!
        const listed = [...page.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, words]) =>
            words!.replaceAll("`", "").split(", "),
        )
        const all = [...MISTAKES, ...ODDITIES, ...DOUBTS].flatMap(([, , wanted]) =>
            wanted.map((one) => one.split(" ")[2]!),
        )
        expect([...new Set(listed)].toSorted()).toEqual([...new Set([...all, "replayable"])].toSorted())
    })

    it("says for each what is wrong and how to mend it, and never says a hit", () => {
        let [said, secrets] = [0, 0]
        fc.assert(
            fc.property(confCase, ({ conf, files }) => {
                const all = `${conf}\n${Object.values(files).join("\n")}`
                const hits = new Set([...all.matchAll(/\d{4,5}/g)].map(([hit]) => hit).filter((hit) => !KNOWN.has(hit)))
                for (const { message } of check(conf, files)) {
                    said++
                    expect(message).toMatch(/[:;,] /)
                    for (const [number] of message.matchAll(/\d{4,5}/g)) expect(hits).not.toContain(number)
                }
                secrets += hits.size
            }),
            { numRuns: 300 },
        )
        expect([said > 1000, secrets > 1000]).toEqual([true, true])
    })

    it("shows what knockd would not: a word, never what may be a sequence in the wrong place", () => {
        expect(messages("Sequenze = 1")).toMatch(/^Sequenze is no directive of knockd: did you mean Sequence\?$/m)
        expect(messages("target")).toMatch(/^Target needs a value: write Target = …$/m)
        expect(messages("7 = 1")).toMatch(/each is written KEY = VALUE$/m)
        expect(messages("tcpflags = syn, ack")).toMatch(/^no blanks can stand around a flag/m)
        expect(messages("tcpflags = sny")).toMatch(/^not a flag: did you mean syn\?$/m)
        expect(messages("logfle = 1")).toMatch(/did you mean LogFile, in \[options\]\?/)
        for (const line of ["sequence: 7123,8123", "7123,8123 = 1", "7123", "one_time_sequences = 7123,8123"]) {
            expect(messages(line)).not.toMatch(/7123|8123/)
        }
    })

    it("takes a large file without much ado", () => {
        const conf = Array.from(
            { length: 20_000 },
            (_, i) => `[d${i}]\nsequence = ${1 + (i % 60_000)},2,${1 + ((i * 7) % 60_000)}\n`,
        )
        expect(check(conf.join("")).length).toBe(1001)
    })
})

/** Numbers that sentences have by themselves. */
const KNOWN = new Set(["65535", "4095", "4094"])
