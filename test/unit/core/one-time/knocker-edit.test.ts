import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatKnocker, parseKnocker, type ReadKey } from "../../../../src/core/one-time/knocker.ts"
import { withGeneration, withKeys } from "../../../../src/core/one-time/knocker-edit.ts"

const readKey: ReadKey = (line) => ({ ok: true, recipient: { kind: "age", line, text: line, comment: "" } })
const read = async (text: string) => {
    const parsed = await parseKnocker({ name: "anna", file: "anna.toml", text }, readKey)
    if (!parsed.ok) throw new Error(`${text}\n${parsed.issues.map(({ message }) => message).join("\n")}`)
    return { ...parsed.knocker, keys: parsed.knocker.recipients.map(({ line }) => line) }
}

describe("withKeys()", () => {
    it("adds keys however the list is written, and leaves the rest as it is", async () => {
        const lists = [
            '["a"]',
            '["a",]',
            '[ "a" ]',
            '["a", # the laptop, "old"\n]',
            '["a" # the laptop, old\n]',
            '[\n    "a",\n    # more to come\n]',
            '[\n"a"\n,\n]',
            '["""\na"""]',
            "['a']",
            '[\n  "a", ]',
        ]
        for (const list of lists) {
            for (const [before, after] of [
                ["", ""],
                ["# of anna\ncomment = 'x'\n", "\ngeneration = 3 # often\n"],
            ] as const) {
                const text = `${before}keys = ${list}${after}`
                const changed = await withKeys(text, ["b", "c\nd"])
                expect((await read(changed)).keys, changed).toEqual(["a", "b", "c\nd"])
                expect(changed.startsWith(before), changed).toBe(true)
                expect(changed.endsWith(after), changed).toBe(true)
                for (const comment of text.match(/#.*/g) ?? []) expect(changed).toContain(comment.trimEnd())
            }
        }
    })

    it("adds to what was added, as often as one likes", async () => {
        let text = formatKnocker({ keys: ["k"], doors: ["ssh"], generation: 0, comment: "" })
        for (let n = 0; n < 5; n++) text = await withKeys(text, [`k${n}`])
        expect((await read(text)).keys).toEqual(["k", "k0", "k1", "k2", "k3", "k4"])
        expect(text).toBe(
            'doors = ["ssh"]\nkeys = [\n    "k",\n    "k0",\n    "k1",\n    "k2",\n    "k3",\n    "k4",\n]\n',
        )
    })

    it("throws where there is no list", async () => {
        await expect(withKeys("", ["a"])).rejects.toThrow(RangeError)
    })
})

describe("withGeneration()", () => {
    it("sets it, whether it was there or not, and nothing else", async () => {
        expect(await withGeneration('keys = ["a"]\n', 1)).toBe('generation = 1\nkeys = ["a"]\n')
        expect(await withGeneration('# x\nkeys = ["a"]\ngeneration=7 # seven\n', 8)).toBe(
            '# x\nkeys = ["a"]\ngeneration=8 # seven\n',
        )
        await fc.assert(
            fc.asyncProperty(fc.nat(1000), fc.nat(1000), async (old, generation) => {
                const text = formatKnocker({ keys: ["a"], doors: null, generation: old, comment: "c" })
                expect((await read(await withGeneration(text, generation))).generation).toBe(generation)
            }),
            { numRuns: 30 },
        )
    })
})
