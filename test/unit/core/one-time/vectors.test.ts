import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { DIGESTS } from "../../../../src/adapters/system/digests.ts"
import { parseHit } from "../../../../src/core/knock/language.ts"
import { counterName, doorKey, knockerKey, sequenceAt } from "../../../../src/core/one-time/derive.ts"
import { LEAST_POOL, poolOf } from "../../../../src/core/one-time/pool.ts"
import type { OneTimeVector } from "../../../../tools/vectors/one-time.ts"

const folder = join(import.meta.dirname, "../../../../vectors/one-time")
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"))
const hex = (some: Uint8Array) => Buffer.from(some).toString("hex")

function hit(text: string) {
    const read = parseHit(text)
    if (!read.ok) throw new Error(`${text}: ${read.code}`)
    return read.value
}

/** The real ones, which also count how many blocks a sequence takes. */

describe("vectors/one-time", () => {
    for (const file of readdirSync(folder)) {
        const vector: OneTimeVector = JSON.parse(readFileSync(join(folder, file), "utf8"))
        it(`${file}: keys, pool and sequences are as the vector says`, () => {
            const key = knockerKey(DIGESTS, bytes(vector.master), {
                ...vector.knocker,
                recipients: vector.knocker.recipients.map((line) => ({ line })),
            })
            expect(hex(key)).toBe(vector.knockerKey)
            const door = doorKey(DIGESTS, key, vector.door)
            expect(hex(door)).toBe(vector.doorKey)
            expect(counterName(DIGESTS, door)).toBe(vector.counter)
            const pool = poolOf(vector.pool)
            expect(pool).toHaveLength(vector.poolSize)
            expect(pool.length).toBeGreaterThanOrEqual(LEAST_POOL)
            expect(vector.sequences.length).toBeGreaterThanOrEqual(7)
            for (const { n, hits } of vector.sequences)
                expect(sequenceAt(DIGESTS, door, pool, vector.length, n), String(n)).toEqual(hits.split(" ").map(hit))
        })
    }

    it("differ wherever name, recipients, generation, door or counter do", () => {
        const all = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")))
        const alice = all.filter((vector: OneTimeVector) => vector.knocker.name === "alice")
        expect(alice.length).toBeGreaterThanOrEqual(3)
        const hits = alice.flatMap((vector: OneTimeVector) => vector.sequences.map((one) => one.hits))
        expect(new Set(hits).size).toBe(hits.length)
    })
})
