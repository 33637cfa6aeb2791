import * as fc from "fast-check"
import { expect, test } from "vitest"
import { editDistance, nearest } from "../../../../src/core/config/suggest.ts"

const KNOWN = ["name", "opens", "for", "hide", "sources", "always", "closes", "sequence", "command", "log_group"]

test.each([
    ["nmae", "name"],
    ["open", "opens"],
    ["OPENS", "opens"],
    ["source", "sources"],
    ["sequnce", "sequence"],
    ["log-group", "log_group"],
    ["fro", "for"],
    ["hits", null],
    ["colour", null],
    ["", null],
])("nearest() to %j is %s", (word, expected) => {
    expect(nearest(word, KNOWN)).toBe(expected)
})

/** The definition, without the table: every slip is tried. Slow, and obvious. */
function twin(a: string, b: string): number {
    if (a === "" || b === "") return a.length + b.length
    const [restA, restB] = [a.slice(1), b.slice(1)]
    const options = [twin(restA, b) + 1, twin(a, restB) + 1, twin(restA, restB) + (a[0] === b[0] ? 0 : 1)]
    if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]) options.push(twin(a.slice(2), b.slice(2)) + 1)
    return Math.min(...options)
}

test("editDistance() agrees with its definition", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 })
    const seen = new Set<number>()
    fc.assert(
        fc.property(word, word, (a, b) => {
            const slips = editDistance(a, b, 9)
            seen.add(slips)
            expect(slips).toBe(twin(a, b))
        }),
        { numRuns: 300 },
    )
    expect(seen.size).toBeGreaterThan(3)
})
