import { describe, expect, it } from "vitest"
import { readRequest } from "../../../src/cli/scan/request.ts"
import { scanAsAsked } from "../../../src/cli/scan/verb.ts"
import { scanJson, viewLines } from "../../../src/cli/texts/scan.ts"
import { battery } from "../../../src/core/scan/battery.ts"
import { isOpen, looksClosed, type View } from "../../../src/core/scan/finding.ts"
import { processTerminal } from "../../../src/voice/terminal.ts"

const answer = (here: string, closed: string) =>
    ({ type: "differs", differences: [{ part: "answer", here, closed }] }) as const
const plain = { spoof: true, pace: true }

it("scanAsAsked() looks up no empty name", async () => {
    const said: string[] = []
    const terminal = { ...processTerminal(false), error: (text: string) => void said.push(text) }
    expect(await scanAsAsked("", plain, terminal)).toBe(2)
    expect(said).toEqual(["no host is named"])
})

describe("readRequest()", () => {
    it("reads a bare command line and a full one", () => {
        const tcp = { protocol: "tcp", port: 22 }
        expect(readRequest(plain)).toEqual({ service: tcp, closed: null, families: [4, 6], rounds: 2, wait: null })
        const full = { port: "udp/53", closed: "udp/54, udp/55", ipv6: true, rounds: "7", wait: "1s" } as const
        expect(readRequest({ ...plain, ...full })).toEqual({
            service: { protocol: "udp", port: 53 },
            closed: [54, 55],
            families: [6],
            rounds: 7,
            wait: 1000,
        })
        expect(readRequest({ ...plain, ipv4: true, ipv6: true })).toMatchObject({ families: [4, 6] })
    })

    it.each([
        [{ port: "22" }, "--port 22: not a service"],
        [{ closed: "tcp/23" }, "--closed tcp/23: not two other ports of tcp"],
        [{ closed: "tcp/23,tcp/23" }, "not two other ports"],
        [{ closed: "tcp/22,tcp/23" }, "not two other ports"],
        [{ closed: "udp/23,tcp/24" }, "not two other ports"],
        [{ rounds: "0" }, "--rounds 0: not a number of rounds"],
        [{ rounds: "1.5" }, "not a number of rounds"],
        [{ wait: "soon" }, "--wait soon: not a time to wait"],
        [{ port: "udp/53", timing: true }, "--timing: TCP only"],
    ] as const)("refuses %j by name", (options, words) => {
        const read = readRequest({ ...plain, ...options })
        expect("wrong" in read && read.wrong[0]).toContain(words)
    })
})

describe("the report of a scan", () => {
    const probes = battery(4, "tcp")
    const same = { type: "same", answered: true } as const
    const service = { protocol: "tcp", port: 22 } as const
    const view: View = {
        family: 4,
        address: "192.0.2.1",
        interface: "eth0",
        onLink: true,
        closed: [23, 24],
        findings: probes.map((probe) => ({ probe, verdict: same })),
        leftOut: [],
        sharedLabels: [],
        timing: [],
    }
    it("counts only probes that say something, and says nothing where most do not", () => {
        const say = (some: number) =>
            view.findings.map((one, i) => (i < some ? { ...one, verdict: { type: "void" } as const } : one))
        const few = [{ ...view, findings: say(10) }]
        expect([looksClosed(few), viewLines("gate", service, few, false)[0]]).toEqual([
            true,
            "gate: tcp/22 cannot be told from a closed port by any of 120 probes",
        ])
        const most = [view, { ...view, findings: say(66) }]
        expect([looksClosed(most), viewLines("gate", service, most, false)[0]]).toEqual([
            false,
            "gate: nothing can be said of tcp/22: closed ports themselves are not answered alike",
        ])
    })

    const other = {
        ...view,
        findings: [{ probe: probes[2]!, verdict: answer("tcp SA", "tcp RA") }, ...view.findings.slice(3)],
    }

    it("says of a port that looks closed that nothing tells it", () => {
        expect(looksClosed([view])).toBe(true)
        expect(viewLines("gate", service, [view], false)).toEqual([
            "gate: tcp/22 cannot be told from a closed port by any of 130 probes",
            "",
            "IPv4  192.0.2.1, by eth0, on its own link, beside tcp/23 and tcp/24",
            "  130 probes: 130 alike (130 answered), 0 different",
        ])
    })

    it("names groups, or with --verbose probes, and what differs", () => {
        expect(looksClosed([view, other])).toBe(false)
        expect(isOpen(other)).toBe(true)
        expect(viewLines("gate", service, [other], false).slice(4)).toEqual([
            "  flags: 1 of 21: answer tcp SA, closed: tcp RA",
        ])
        expect(viewLines("gate", service, [other], true).at(-1)).toBe("  flags: SYN: answer tcp SA, closed: tcp RA")
        expect(scanJson("gate", service, [other])).toMatchObject({
            looksClosed: false,
            families: [{ differ: [{ group: "flags", probe: "SYN" }], counts: { all: 128, differ: 1 } }],
        })
    })

    it("says what it could not see, and what says nothing", () => {
        const far = { ...view, onLink: false, leftOut: probes.filter(({ needs }) => needs !== "nothing") }
        const odd = {
            ...far,
            findings: [{ probe: probes[0]!, verdict: { type: "void" } as const }],
            sharedLabels: [80],
        }
        const test = { distance: 0.01, p: 0.5 }
        const timing = [
            { what: "SYN", samples: 3000, here: 9350, closed: 9370, test, control: { distance: 0.1, p: 0.001 } },
        ]
        const text = viewLines("gate", service, [{ ...odd, timing }], false).join("\n")
        expect(looksClosed([odd])).toBe(false)
        expect(looksClosed([{ ...view, sharedLabels: [80] }])).toBe(false)
        expect(text).toContain("not on its own link")
        expect(text).toMatch(/\d+ left out: they need a place on the same link/)
        expect(text).toContain("1 say nothing: the closed ports themselves differ")
        expect(text).toContain("flow labels: tcp/80 has the same")
        expect(text).toContain("SYN: 9.35 µs, closed: 9.37 µs (median of 3000)")
        expect(text).toContain("p = 0.0010, so it says nothing")
        const silent = {
            ...view,
            findings: view.findings.map(({ probe }) => ({ probe, verdict: { ...same, answered: false } })),
        }
        expect(viewLines("gate", service, [silent], false).join()).toContain("nothing was answered")
        const without = { ...view, leftOut: probes.filter(({ needs }) => needs === "spoof") }
        expect(viewLines("gate", service, [without], false).join()).toContain("10 left out: --no-spoof")
    })
})
