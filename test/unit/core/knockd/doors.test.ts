import { describe, expect, it } from "vitest"
import { commandOf } from "../../../../src/core/config/config.ts"
import { type KnockdConf, readKnockdConf } from "../../../../src/core/knockd/conf.ts"
import { doorsOf, rollOn } from "../../../../src/core/knockd/doors.ts"
import { noneLeftText } from "../../../../src/core/knockd/one-time.ts"
import { parseAddress } from "../../../../src/core/net/address.ts"
import { isStoreName } from "../../../../src/core/store/record.ts"

const [four, six] = ["192.0.2.7", "2001:db8::7"].map((text) => parseAddress(text)!)

function conf(text: string, oneTime = ""): KnockdConf {
    const reading = readKnockdConf(text, new Map([["/ots", { ok: true, text: oneTime }]]))
    if (!reading.ok || !("conf" in reading)) throw new Error(JSON.stringify(reading))
    return reading.conf
}

const commands = (text: string) => {
    const [made] = doorsOf(conf(`[d]\nsequence = 1\n${text}`))
    return [four, six].map((source) => {
        const command = commandOf(made!.door, source!)
        return command && [command.start.at(-1), command.stop?.at(-1) ?? null]
    })
}

describe("doorsOf()", () => {
    it("makes doors that are not strict, with knockd's defaults", () => {
        const [made] = doorsOf(conf("[open]\nsequence = 7000,8000:udp\ntcpflags = syn,!ack\n"))
        expect(made!.door).toMatchObject({ name: "open", opens: [], command: null, command6: null })
        expect(made!.door.sequence).toMatchObject({
            hits: [
                { protocol: "tcp", port: 7000 },
                { protocol: "udp", port: 8000 },
            ],
            within: 25_000,
            flags: { set: 2, clear: 16 },
            target: [],
            strict: false,
            once: false,
        })
    })

    it("takes the commands of each family as knockd does: what is missing falls back, what is empty runs nothing", () => {
        expect(commands("command = a\nstop_command = b")).toEqual([
            ["a", "b"],
            ["a", "b"],
        ])
        expect(commands("command = a\ncommand_6 = c\nstop_command = b\nstop_command_6 = d")).toEqual([
            ["a", "b"],
            ["c", "d"],
        ])
        expect(commands("command = a\ncommand_6 =\nstop_command = b")).toEqual([["a", "b"], null])
        expect(commands("command =\nstop_command = b")).toEqual([null, null])
        expect(commands("stop_command = b\ncommand_6 = c")).toEqual([null, ["c", "b"]])
        expect(commands("command = a\nstop_command =")).toEqual([
            ["a", ""],
            ["a", ""],
        ])
    })

    it("keeps doors of one name apart, and leaves out those whose target no packet can have", () => {
        const text =
            "[a]\nsequence = 1\n[a]\nsequence = 2\n[a#2]\nsequence = 3\n[b]\nsequence = 4\ntarget = host.example\n"
        const made = doorsOf(conf(`${text}[c]\nsequence = 5\ntarget = FD77:0::9\n`))
        expect(made.map(({ door }) => door.name)).toEqual(["a", "a#2", "a#2#2", "c"])
        expect(made.map(({ from }) => from.name)).toEqual(["a", "a", "a#2", "c"])
        expect(made[3]!.door.sequence!.target).toEqual([parseAddress("fd77::9")])
    })

    it("gives every door a name that the journal can hold, whatever its section is called", () => {
        const titles = [" my door ", "50%", "b\xc3\xbccher", "\x80\x81", "\x7f\x01", "ä".repeat(120), "ä".repeat(119)]
        const made = doorsOf(conf(titles.map((title) => `[${title}]\nsequence = 1\n`).join("")))
        const names = made.map(({ door }) => door.name)
        expect(names.slice(0, 4)).toEqual(["%20my%20door%20", "50%25", "b%c3%bccher", "%80%81"])
        expect(names.filter((name) => !isStoreName(name))).toEqual([])
        expect(new Set(names).size).toBe(titles.length)
        expect(made.map(({ from }) => from.name)).toEqual(titles)
    })

    it("makes times of all numbers that knockd takes", () => {
        const text = "[d]\nsequence = 1\nseq_timeout = -5\ncmd_timeout = 99999999999\ncommand = a\nstop_command = b"
        const [made] = doorsOf(conf(text))
        expect(made!.door.sequence!.within).toBe(0)
        expect(made!.door.command!.after).toBe(2_147_483_647)
        const [never] = doorsOf(conf(text.replace("99999999999", "-1")))
        expect(never!.door.command!.after).toBe(2_147_483_647)
    })
})

describe("rollOn()", () => {
    const text = "[one]\none_time_sequences = /ots\n[two]\nsequence = 9\n[too]\none_time_sequences = /ots\n"

    it("gives all doors of a file the first sequence that is left in it, and names lines that are none", () => {
        const { conf: next, told } = rollOn(conf(text, " 1,2\n 3,4\n"), "/ots", "#1,2\n99999,1\n 3,4\n")
        expect(next.doors.map(({ name, hits }) => `${name} ${hits.map(({ port }) => port).join()}`)).toEqual([
            "one 3,4",
            "two 9",
            "too 3,4",
        ])
        expect(told).toEqual(["/ots: line 2: a port is invalid: left out"])
    })

    it("ends the doors of a file that is used up, and no others", () => {
        const { conf: next, ended } = rollOn(conf(text, " 1,2\n"), "/ots", "#1,2\n")
        expect(doorsOf(next).map(({ door }) => [door.name, door.sequence?.hits.length ?? null])).toEqual([
            ["one", null],
            ["two", 1],
            ["too", null],
        ])
        expect(ended).toEqual([noneLeftText("one"), "", noneLeftText("too"), ""])
        expect(ended[0]).toBe(
            "no more sequences left in the one time sequences file for door one --> disabling the door",
        )
        expect(rollOn(next, "/ots", " 3,4\n")).toEqual({ conf: next, told: [], ended: [] })
    })
})
