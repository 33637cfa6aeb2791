import fc from "fast-check"
import { expect, test } from "vitest"
import { paddingFor, sizeClass } from "../../../../src/core/one-time/size-class.ts"

test("sizeClass() is the least of 4, 8, 16 … KiB that holds so many bytes", () => {
    expect([0, 1, 4096, 4097, 8192, 8193, 1_000_000].map(sizeClass)).toEqual([
        4096, 4096, 4096, 8192, 8192, 16_384, 1_048_576,
    ])
})

test("paddingFor() is the most that keeps the file in its class", () => {
    const arbitrary = { head: fc.integer({ min: 36, max: 3000 }), text: fc.integer({ min: 1, max: 70_000 }) }
    fc.assert(
        fc.property(fc.record(arbitrary), ({ head, text }) => {
            // As armour is: four letters for three bytes, in lines.
            const sizeOf = (plain: number) => {
                const letters = 4 * Math.ceil((head + plain) / 3)
                return letters + Math.ceil(letters / 64)
            }
            const padding = paddingFor(text, sizeOf)
            expect(padding).toBeGreaterThanOrEqual(0)
            expect(sizeOf(text + padding)).toBeLessThanOrEqual(sizeClass(sizeOf(text)))
            expect(sizeOf(text + padding + 1)).toBeGreaterThan(sizeClass(sizeOf(text)))
        }),
    )
})
