import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readOneTimeFile, USED } from "../../../../src/core/knockd/one-time.ts"
import { confCase } from "../../../lab/knockd-conf.ts"

const ports = (text: string) => readOneTimeFile(text).unused.map(({ hits }) => hits.map(({ port }) => port))

describe("readOneTimeFile()", () => {
    it("has every unused line, with its first byte and its number", () => {
        expect(readOneTimeFile("# 1,2\n 3,4:udp\n\n5\n")).toEqual({
            unused: [
                {
                    at: 6,
                    line: 2,
                    hits: [
                        { protocol: "tcp", port: 3 },
                        { protocol: "udp", port: 4 },
                    ],
                },
                { at: 16, line: 4, hits: [{ protocol: "tcp", port: 5 }] },
            ],
            bad: [],
        })
    })

    it("takes any line ends and blanks", () => {
        expect(ports(" 1,2\r\n\t3 , 4\r\n5,6")).toEqual([
            [1, 2],
            [3, 4],
            [5, 6],
        ])
    })

    it("leaves out what is no sequence, and says why", () => {
        expect(readOneTimeFile("1:icmp\n70000\n[d]\n 2\n").bad).toEqual([
            { at: 0, line: 1, fault: "protocol", hit: 0, message: "unknown protocol in knock sequence" },
            { at: 7, line: 2, fault: "port", hit: 0, message: "port 70000 is invalid" },
        ])
        // As knockd: a text is port 0.
        expect(ports("1:icmp\n70000\n[d]\n 2\n")).toEqual([[0], [2]])
    })

    it("leaves out comments with blanks before them, and empty lines", () => {
        expect(readOneTimeFile("\n \n\t#1\n # 2\n#\n")).toEqual({ unused: [], bad: [] })
        expect(readOneTimeFile("")).toEqual({ unused: [], bad: [] })
    })

    it("sees nothing behind a NUL", () => {
        expect(ports("1,2\x00,3\n\x004\n5\n")).toEqual([[1, 2], [5]])
    })

    it("takes a line that is too long for knockd's buffer for several", () => {
        const [first, second] = readOneTimeFile(`${" ".repeat(4090)}1,2,333\n4\n`).unused
        expect([first!.at, first!.line, first!.hits.at(-1)!.port]).toEqual([0, 1, 3])
        expect([second!.at, second!.line, second!.hits[0]!.port]).toEqual([4095, 1, 33])
    })

    it("finds all the others where they were when the first byte of one is marked", () => {
        let marked = 0
        const files = confCase.map(({ files: all }) => `${all["once"]}\n${all["twice"]}`)
        fc.assert(
            fc.property(files, fc.nat(), (text, which) => {
                const { unused, bad } = readOneTimeFile(text)
                if (unused.length === 0) return
                const at = which % unused.length
                const byte = unused[at]!.at
                const after = readOneTimeFile(text.slice(0, byte) + USED + text.slice(byte + 1))
                expect(after).toEqual({ unused: unused.toSpliced(at, 1), bad })
                marked++
            }),
        )
        expect(marked).toBeGreaterThan(50)
    })
})
