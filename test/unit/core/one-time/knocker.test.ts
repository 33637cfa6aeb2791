import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatIssue } from "../../../../src/core/config/issues.ts"
import {
    formatKnocker,
    knockerName,
    parseKnocker,
    type ReadKey,
    strangeDoors,
} from "../../../../src/core/one-time/knocker.ts"

/** Takes what begins as keys do; what such keys look like is for others to know. */
const readKey: ReadKey = (text) =>
    /^(age1|ssh-|-----BEGIN)/.test(text)
        ? { ok: true, recipient: { kind: "age", line: text, text, comment: "" } }
        : { ok: false, why: "no key: take one" }

const parse = (text: string, mode = 0o600) =>
    parseKnocker({ name: "anna", file: "users.d/anna.toml", text, mode }, readKey)

async function problems(text: string, mode?: number): Promise<string[]> {
    return (await parse(text, mode)).issues.map(formatIssue)
}

describe("parseKnocker()", () => {
    it("reads keys, doors, generation and comment", async () => {
        const text =
            'comment = "the laptop"\ngeneration = 2\ndoors = ["ssh"]\nkeys = ["age1x", """\n-----BEGIN\nx"""]\n'
        const read = await parse(text)
        expect(read.ok && read.knocker).toMatchObject({
            name: "anna",
            generation: 2,
            doors: ["ssh"],
            comment: "the laptop",
            recipients: [{ line: "age1x" }, { line: "-----BEGIN\nx" }],
        })
    })

    it("needs keys alone", async () => {
        const read = await parse('keys = ["age1x"]')
        expect(read.ok && read.knocker).toMatchObject({ generation: 0, doors: null, comment: "" })
    })

    it("tells every problem at its place", async () => {
        const text = 'generation = -1\ndors = ["ssh"]\nkeys = [\n  "age1x",\n  "AGE-SECRET", 7,\n  "age1x",\n]\n'
        expect(await problems(text, 0o622)).toEqual([
            expect.stringMatching(/^users\.d\/anna\.toml:1:1: warning: others than its owner/),
            "users.d/anna.toml:1:14: generation: must be 0 to 4294967295",
            expect.stringMatching(
                /^users\.d\/anna\.toml:2:1: dors: "dors" is not a key of a knocker's file: did you mean doors/,
            ),
            "users.d/anna.toml:5:3: keys[1]: no key: take one",
            "users.d/anna.toml:5:17: keys[2]: should be a public key in quotes, as its line of text",
            "users.d/anna.toml:6:3: keys[3]: stands twice in the list: take one out",
        ])
    })

    it("refuses a file without keys, with none, with too many, and one that is no TOML", async () => {
        expect(await problems("")).toEqual([expect.stringContaining("keys: missing")])
        expect(await problems("keys = []")).toEqual([expect.stringContaining("1 to 32")])
        const many = Array.from({ length: 33 }, (_, i) => `"age1${i}"`)
        expect(await problems(`keys = [${many.join(",")}]`)).toEqual([expect.stringContaining("1 to 32")])
        expect(await problems("keys = [")).toEqual([expect.stringContaining("not valid TOML")])
    })

    it("says why a file cannot be read", async () => {
        const text = { trouble: "permission", detail: "" } as const
        const read = await parseKnocker({ name: "anna", file: "anna.toml", text }, readKey)
        expect(read.issues.map(formatIssue)).toEqual([expect.stringMatching(/^anna\.toml: no permission/)])
    })
})

describe("formatKnocker()", () => {
    it("writes what a person would", () => {
        const text = formatKnocker({
            comment: 'the "old" one',
            generation: 1,
            doors: ["ssh", "wiki"],
            keys: ["age1x", "-----BEGIN\nx\n"],
        })
        expect(text.split("\n")).toEqual([
            'comment = "the \\"old\\" one"',
            "generation = 1",
            'doors = ["ssh", "wiki"]',
            "keys = [",
            '    "age1x",',
            '    """',
            "-----BEGIN",
            "x",
            '""",',
            "]",
            "",
        ])
    })

    it("writes what parseKnocker() reads back, whatever the comment", async () => {
        let lines = 0
        const texts = fc.string({ unit: "grapheme", maxLength: 40 })
        const odd = fc.string({
            unit: fc.constantFrom("\n", '"', "\\", "\u0000", "\u0085", "\r", "a", "'"),
            maxLength: 12,
        })
        await fc.assert(
            fc.asyncProperty(fc.oneof(texts, odd), fc.nat(), async (comment, generation) => {
                lines += comment.includes("\n") ? 1 : 0
                const read = await parse(formatKnocker({ comment, generation, doors: null, keys: [`age1${comment}`] }))
                expect(read.ok && read.knocker).toMatchObject({
                    comment,
                    generation,
                    recipients: [{ line: `age1${comment}` }],
                })
            }),
        )
        expect(lines).toBeGreaterThan(0)
    })
})

describe("knockerName()", () => {
    it("knows the files of knockers from others", () => {
        expect(knockerName("anna.toml")).toBe("anna")
        expect(knockerName("anna.laptop.toml")).toBe("anna.laptop")
        expect(knockerName("Unknown.toml")).toBe("Unknown")
        expect(knockerName(`${"x".repeat(64)}.toml`)).toBe("x".repeat(64))
        for (const other of [
            "anna",
            ".toml",
            ".anna.toml",
            "an na.toml",
            `${"x".repeat(65)}.toml`,
            "anna.toml~",
            "unknown.toml",
        ])
            expect(knockerName(other), other).toBeNull()
    })
})

describe("strangeDoors()", () => {
    it("names doors without one-time sequences, and what may have been meant", () => {
        expect(strangeDoors({ doors: ["ssh", "shs"] }, new Set(["ssh"]))).toEqual([
            { path: ["doors", 1], problem: { code: "knocker-door", name: "shs", near: "ssh" } },
        ])
        expect(strangeDoors({ doors: null }, new Set())).toEqual([])
    })
})
