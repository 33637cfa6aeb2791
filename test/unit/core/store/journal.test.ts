import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseAddress } from "../../../../src/core/net/address.ts"
import { BLOCK, decodeBlock, encodeBlocks, LONGEST } from "../../../../src/core/store/block.ts"
import { crc32 } from "../../../../src/core/store/crc32.ts"
import { decodeJournal, encodeBatch, encodeJournal } from "../../../../src/core/store/journal.ts"
import { formatRecord, parseRecord, type StoreRecord } from "../../../../src/core/store/record.ts"

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes)
const claim = (id: string): StoreRecord => ({ type: "claim", id, until: 1_700_000_060_000 })
const START: readonly StoreRecord[] = [
    { type: "trust", since: 1_700_000_000_000, why: "new" },
    { type: "floor", until: 0 },
    claim("snapshot"),
]

/** A small journal with these batches after its snapshot; returns where each batch stands, too. */
function journal(batches: readonly (readonly StoreRecord[])[], least = 16) {
    const { bytes, next } = encodeJournal(START, least)
    const places: number[] = []
    let at = next
    for (const batch of batches) {
        const blocks = encodeBatch(batch, at)
        places.push(at)
        bytes.set(blocks, at * BLOCK)
        at += blocks.length / BLOCK
    }
    return { bytes, places, end: at }
}

const many = (prefix: string) => Array.from({ length: 6 }, (_, i) => claim(`${prefix}-${i}-${"x".repeat(150)}`))

/** Cuts around the ends of blocks, and some in between. */
function nextCut(length: number): number {
    const within = length % BLOCK
    return length + (within > 1 && within < BLOCK - 11 ? 10 : 1)
}

const name = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
    minLength: 1,
    maxLength: 200,
})
const number = fc.maxSafeNat()
const source = fc.constantFrom("192.0.2.7", "2001:db8::7", "::1").map((a) => parseAddress(a)!)
const record: fc.Arbitrary<StoreRecord> = fc.oneof(
    fc.record({ type: fc.constant("trust"), since: number, why: fc.constantFrom("new", "damage") }),
    fc.record({ type: fc.constant("floor"), until: number }),
    fc.record({ type: fc.constant("claim"), id: name, until: number }),
    fc.record({ type: fc.constant("count"), key: name, n: number }),
    fc.record({ type: fc.constant("stop"), door: name, source, due: number }),
    fc.record({ type: fc.constant("struck"), door: name, source }),
)

describe("crc32()", () => {
    it("gives the check value of its standard", () => {
        expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926)
    })
})

describe("parseRecord()", () => {
    it("reads what formatRecord() writes, which fits a block", () => {
        fc.assert(
            fc.property(record, (one) => {
                expect(parseRecord(formatRecord(one))).toEqual(one)
                expect(formatRecord(one).length).toBeLessThanOrEqual(LONGEST)
            }),
        )
    })

    it.each([
        "",
        "claim",
        "claim 1",
        "claim 01 a",
        "claim 1 a b",
        "claim -1 a",
        "claim 1e3 a",
        "count 9007199254740992 a",
    ])("refuses %j", (line) => expect(parseRecord(line)).toBeNull())

    it.each(["stop 1 192.0.2.07 d", "stop 1 2001:DB8::1 d", "struck x d", "trust 1 old", "drop 1 a", "claim 1 \u00e4"])(
        "refuses %j",
        (line) => expect(parseRecord(line)).toBeNull(),
    )
})

describe("decodeBlock()", () => {
    it("knows blank blocks, and finds every changed bit and every cut", () => {
        const block = encodeBlocks(["claim 1 a"], 7)
        expect(decodeBlock(block)).toEqual({ number: 7, first: 7, lines: ["claim 1 a"] })
        expect(decodeBlock(new Uint8Array(BLOCK).fill(10))).toBe("blank")
        for (let bit = 0; bit < BLOCK * 8; bit++) {
            const changed = block.slice()
            changed[bit >> 3]! ^= 1 << (bit & 7)
            expect(decodeBlock(changed)).toBe("bad")
        }
        for (let length = 0; length < BLOCK; length++) expect(decodeBlock(block.subarray(0, length))).toBe("bad")
    })

    it("never throws", () => {
        fc.assert(
            fc.property(fc.uint8Array({ minLength: BLOCK, maxLength: BLOCK }), (bytes) => void decodeBlock(bytes)),
        )
    })
})

describe("decodeJournal()", () => {
    const batches = [[claim("a")], many("b"), [claim("c")], many("d")]
    const { bytes, places, end } = journal(batches)
    const all = [...START, ...batches.flat()]

    it("reads what was written, in order", () => {
        expect(decodeJournal(bytes)).toEqual({
            condition: "whole",
            records: all,
            next: end,
            blocks: bytes.length / BLOCK,
            detail: "",
        })
        expect(end - places[3]!).toBeGreaterThan(1)
    })

    it("reads any records back", () => {
        fc.assert(
            fc.property(fc.array(record, { maxLength: 40 }), (records) => {
                const { bytes: file, next } = encodeJournal(records, 1)
                expect(decodeJournal(file)).toMatchObject({ condition: "whole", records, next })
            }),
        )
    })

    it("calls it damaged wherever it is cut, and reads what is left", () => {
        let most = 0
        for (let length = 0; length < bytes.length; length = nextCut(length)) {
            const reading = decodeJournal(bytes.subarray(0, length))
            expect(reading.condition).toBe("damaged")
            if (reading.condition !== "damaged") continue
            expect(all.slice(0, reading.records.length)).toEqual(reading.records)
            expect(reading.detail).toMatch(/^it has \d+ bytes instead of 8192$|^its first block cannot be read$/)
            most = Math.max(most, reading.records.length)
        }
        expect(most).toBe(all.length)
    })

    it("calls it damaged whatever byte has a changed bit, and reads all other blocks", () => {
        // Which bit does not matter to a checksum: see decodeBlock().
        for (let bit = 0; bit < bytes.length * 8; bit += 9) {
            const changed = bytes.slice()
            changed[bit >> 3]! ^= 1 << (bit & 7)
            const reading = decodeJournal(changed)
            expect(reading.condition).toBe("damaged")
            if (reading.condition !== "damaged") continue
            const block = Math.floor(bit / 8 / BLOCK)
            // No block holds more than three of these lines.
            expect(reading.records.length).toBeGreaterThanOrEqual(all.length - (block < end ? 3 : 0))
        }
    })

    it("calls it torn if blocks of the last write are missing, whichever, and keeps all before", () => {
        const last = end - places[3]!
        const seen = { whole: 0, torn: 0 }
        for (let kept = 0; kept < 1 << last; kept++) {
            const torn = bytes.slice()
            for (let i = 0; i < last; i++) {
                if ((kept & (1 << i)) === 0) torn.fill(10, (places[3]! + i) * BLOCK, (places[3]! + i + 1) * BLOCK)
            }
            const reading = decodeJournal(torn)
            if (reading.condition !== "whole" && reading.condition !== "torn") throw new Error(reading.condition)
            seen[reading.condition]++
            const before = all.length - batches[3]!.length
            expect(reading.records.slice(0, before)).toEqual(all.slice(0, before))
        }
        expect(seen.whole).toBe(last + 1)
        expect(seen.torn).toBe((1 << last) - last - 1)
    })

    it("calls it damaged if a block before the last write is blank, or two have changed places", () => {
        for (let block = 0; block < places[3]!; block++) {
            const gone = bytes.slice().fill(10, block * BLOCK, (block + 1) * BLOCK)
            expect(decodeJournal(gone).condition).toBe("damaged")
        }
        const moved = bytes.slice()
        moved.copyWithin(places[0]! * BLOCK, places[2]! * BLOCK, (places[2]! + 1) * BLOCK)
        moved.set(bytes.subarray(places[0]! * BLOCK, (places[0]! + 1) * BLOCK), places[2]! * BLOCK)
        expect(decodeJournal(moved).condition).toBe("damaged")
    })

    it("calls it damaged if a right block holds a line that means nothing", () => {
        const strange = bytes.slice()
        strange.set(encodeBlocks(["forget everything"], end), end * BLOCK)
        expect(decodeJournal(strange)).toMatchObject({ condition: "damaged", detail: "1 of its lines mean nothing" })
    })

    it("keeps its hands off a later version, whatever follows, if that is really what it says", () => {
        const later = bytes.slice()
        later.set(encodeBlocks(["postern-journal 2 and more"], 0), 0)
        expect(decodeJournal(later)).toEqual({ condition: "newer", version: 2 })
        later[400] = 65
        expect(decodeJournal(later).condition).toBe("damaged")
        expect(text(bytes.subarray(8, 40))).toMatch(/^ 0 0\npostern-journal 1 /)
    })

    it("never throws", () => {
        const noise = fc.uint8Array({ maxLength: 3 * BLOCK })
        fc.assert(fc.property(noise, (some) => void decodeJournal(some)))
    })
})
