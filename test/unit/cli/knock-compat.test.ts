/** The parts of knock's place that need no network. What knock itself does: test/interop/knock-compat.test.ts. */
import { describe, expect, it } from "vitest"
import { memoryKnocker } from "../../../src/adapters/knocker/memory.ts"
import { send } from "../../../src/cli/knock-compat/client.ts"
import { readRequest } from "../../../src/cli/knock-compat/request.ts"
import { hostServices, readServices } from "../../../src/cli/knock-compat/services.ts"
import type { SendResult } from "../../../src/ports/knocker.ts"
import { getopt } from "../../../src/voice/getopt.ts"

const OPTIONS = [
    { short: "v", long: "verbose", value: false },
    { short: "d", long: "delay", value: true },
    { short: "V", long: "version", value: false },
]

/** Options as `d=5`, mistakes as they are said, operands in brackets. */
function read(line: string, strict = false): string {
    const steps = [...getopt(line.split(" "), OPTIONS, strict)].map((step) => {
        if (step.step === "operands") return `[${step.words.join(" ")}]`
        return step.step === "mistake" ? step.text : `${step.short}${step.value && `=${step.value}`}`
    })
    return steps.join(", ")
}

describe("getopt()", () => {
    it.each([
        ["-v a b", "v, [a b]"],
        ["a -v b -d 5 c", "v, d=5, [a b c]"],
        ["-vd5 a", "v, d=5, [a]"],
        ["-vd 5 a", "v, d=5, [a]"],
        ["-d -v a", "d=-v, [a]"],
        ["-d -- a", "d=--, [a]"],
        ["--delay=5=6 --del 7 --delay= a", "d=5=6, d=7, d, [a]"],
        ["a -- -v -- b", "[a -v -- b]"],
        ["- a", "[- a]"],
        ["-v -d", "v, option requires an argument -- 'd', []"],
        ["-xvy", "invalid option -- 'x', v, invalid option -- 'y', []"],
        ["--del", "option '--delay' requires an argument, []"],
        ["--verb=1", "option '--verbose' doesn't allow an argument, []"],
        ["--ver a", "option '--ver' is ambiguous; possibilities: '--verbose' '--version', [a]"],
        ["--=1", "option '--=1' is ambiguous; possibilities: '--verbose' '--delay' '--version', []"],
        ["--foo=1", "unrecognized option '--foo=1', []"],
    ])("reads %s as getopt_long(3) does", (line, steps) => {
        expect(read(line)).toBe(steps)
    })

    it("takes a whole name for itself, though others begin with it", () => {
        const options = [...OPTIONS, { short: "e", long: "ver", value: false }]
        expect([...getopt(["--ver"], options, false)][0]).toEqual({ step: "option", short: "e", value: "" })
    })

    it("ends at the first operand if it is strict", () => {
        expect(read("-v a -v -d", true)).toBe("v, [a -v -d]")
        expect(read("-v -- a", true)).toBe("v, [a]")
    })
})

describe("readServices()", () => {
    const services = readServices(`
# 1/tcp
foo 100/tcp first # aside 101/tcp
foo 200/udp
udponly 300/udp
sctponly\t400/sctp
udpfirst 600/udp
udpfirst 700/tcp
twice 900/tcp
twice 901/tcp
  leading 902/tcp
none 903
capitals 904/TCP
text 9a/tcp
apart 906 / tcp
`)
    it.each([
        ["foo", 100],
        ["first", 100],
        ["udponly", 300],
        ["sctponly", 400],
        ["udpfirst", 700],
        ["twice", 900],
        ["leading", 902],
        ["none", null],
        ["capitals", null],
        ["text", null],
        ["apart", null],
        ["aside", null],
        ["FOO", null],
        ["", null],
    ])("finds %s at %s, as the C library does", (name, port) => {
        expect(services(name)).toBe(port)
    })

    it("finds nothing on a host that has no such file", () => {
        expect(hostServices("/nonexistent")("ssh")).toBe(null)
    })
})

/** Knocks at three ports of 192.0.2.1 with a knocker that answers so. */
async function knock(answer: SendResult) {
    const request = readRequest(["-v", "192.0.2.1", "1", "2:udp", "3"], () => null, false)
    if (request.ask !== "knock") throw new Error(request.ask)
    const said: string[] = []
    const knocker = memoryKnocker({ send: () => answer })
    const speaker = { out: (line: string) => void said.push(line), error: (line: string) => void said.push(line) }
    return { code: await send(request.knock, knocker, speaker), said }
}

describe("send()", () => {
    it.each(["EMFILE", "ENOBUFS", "EAFNOSUPPORT"])(
        "gives up as knock does where there is no socket: %s",
        async (detail) => {
            const said = ["Cannot open socket"]
            expect(await knock({ ok: false, code: "failed", detail })).toEqual({ code: 1, said })
        },
    )

    it("goes on where there is no way, and tells once at the end", async () => {
        const { code, said } = await knock({ ok: false, code: "unreachable", detail: "ENETUNREACH" })
        expect([code, said.length]).toEqual([0, 4])
        expect(said[3]).toBe("knock: warning: the hits could not be sent to 192.0.2.1 (ENETUNREACH)")
    })
})
