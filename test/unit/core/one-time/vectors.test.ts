import { createHash, createHmac } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parseHit } from "../../../../src/core/knock/language.ts"
import { counterName, type Digests, doorKey, knockerKey, sequenceAt } from "../../../../src/core/one-time/derive.ts"
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
const digests: Digests = {
    sha256: (some) => createHash("sha256").update(some).digest(),
    hmac: (key, some) => createHmac("sha256", key).update(some).digest(),
}

describe("vectors/one-time", () => {
    for (const file of readdirSync(folder)) {
        const vector: OneTimeVector = JSON.parse(readFileSync(join(folder, file), "utf8"))
        it(`${file}: keys, pool and sequences are as the vector says`, () => {
            const key = knockerKey(digests, bytes(vector.master), {
                ...vector.knocker,
                recipients: vector.knocker.recipients.map((line) => ({ line })),
            })
            expect(hex(key)).toBe(vector.knockerKey)
            const door = doorKey(digests, key, vector.door)
            expect(hex(door)).toBe(vector.doorKey)
            expect(counterName(digests, door)).toBe(vector.counter)
            const pool = poolOf(vector.pool)
            expect(pool).toHaveLength(vector.poolSize)
            expect(pool.length).toBeGreaterThanOrEqual(LEAST_POOL)
            expect(vector.sequences.length).toBeGreaterThanOrEqual(7)
            for (const { n, hits } of vector.sequences)
                expect(sequenceAt(digests, door, pool, vector.length, n), String(n)).toEqual(hits.split(" ").map(hit))
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
