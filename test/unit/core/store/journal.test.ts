import zlib from "node:zlib"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseAddress } from "../../../../src/core/net/address.ts"
import { BLOCK, decodeBlock, encodeBlocks, LONGEST } from "../../../../src/core/store/block.ts"
import { crc32 } from "../../../../src/core/store/crc32.ts"
import {
    type Extent,
    encodeBatch,
    encodeJournal,
    type Piece,
    decodeJournal as read,
} from "../../../../src/core/store/journal.ts"
import { decodeRecord, formatRecord, parseRecord, type StoreRecord } from "../../../../src/core/store/record.ts"

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes)
const claim = (id: string): StoreRecord => ({ type: "claim", id, until: 1_700_000_060_000 })
const START: readonly StoreRecord[] = [
    { type: "trust", since: 1_700_000_000_000, why: "new" },
    { type: "floor", until: 0 },
    claim("snapshot"),
]

/** The reading of a journal, with the records. */
function decodeJournal(bytes: Uint8Array) {
    const records: StoreRecord[] = []
    const reading = read(bytes, (one) => records.push(one))
    return reading.condition === "newer" ? reading : { ...reading, records }
}

/** The pieces of a journal, put where they belong in a file, and what each of them found there. */
function written(records: readonly StoreRecord[], least?: number) {
    const making = encodeJournal(records, least)
    const pieces: Piece[] = []
    let step = making.next()
    for (; step.done !== true; step = making.next()) pieces.push(step.value)
    const extent: Extent = step.value
    const bytes = new Uint8Array(extent.blocks * BLOCK)
    for (const piece of pieces) bytes.set(piece.bytes, piece.at)
    return { bytes, pieces, ...extent }
}

/** A small journal with these batches after its snapshot; returns where each batch stands, too. */
function journal(batches: readonly (readonly StoreRecord[])[], least = 16) {
    const { bytes, next } = written(START, least)
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

const counters = (count: number) =>
    Array.from({ length: count }, (_, n): StoreRecord => ({ type: "count", key: `${n}`.padStart(200, "k"), n }))

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

    it("says of any bytes what zlib says", () => {
        fc.assert(
            fc.property(fc.uint8Array({ minLength: 21, maxLength: 64 }), fc.nat(20), (bytes, from) => {
                expect(crc32(bytes)).toBe(zlib.crc32(bytes))
                expect(crc32(bytes, from, bytes.length - 1)).toBe(zlib.crc32(bytes.subarray(from, -1)))
            }),
        )
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

describe("decodeRecord()", () => {
    /** A line, or what is left of it with a part of it changed. */
    const line = fc
        .tuple(record, fc.nat(30), fc.constantFrom(null, "", " ", "0", "9", "x", "\n", "\u00e4"), fc.boolean())
        .map(([one, at, put, over]) => {
            const whole = formatRecord(one)
            return put === null ? whole : whole.slice(0, at) + put + whole.slice(over ? at + 1 : at)
        })

    it("reads what parseRecord() reads, and refuses what that refuses", () => {
        const seen = { count: 0, other: 0, refused: 0, "refused count": 0 }
        fc.assert(
            fc.property(line, (one) => {
                const wanted = parseRecord(one)
                const bytes = Uint8Array.from(`12345${one}6 7`, (char) => char.charCodeAt(0))
                expect(decodeRecord(bytes, 5, 5 + one.length)).toEqual(wanted)
                seen[
                    wanted === null
                        ? one.startsWith("count ")
                            ? "refused count"
                            : "refused"
                        : wanted.type === "count"
                          ? "count"
                          : "other"
                ]++
            }),
            { numRuns: 1000 },
        )
        for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(10)
    })
})

describe("decodeBlock()", () => {
    it("knows blank blocks, and finds every changed bit and every cut", () => {
        const block = encodeBlocks(["claim 1 a"], 7)
        expect(decodeBlock(block)).toEqual({ number: 7, first: 7, from: 13, to: 22 })
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
                const { bytes: file, next } = written(records, 1)
                expect(decodeJournal(file)).toMatchObject({ condition: "whole", records, next })
            }),
        )
    })

    it("reads what was written in pieces: block 0 comes last, so that what is there before is no journal", () => {
        // Each block holds two. As many pieces with records, then blank ones, then block 0.
        for (const [count, pieces] of [
            [500, 1],
            [511, 1 + 3 + 1],
            [600, 2 + 3 + 1],
            [5000, 10 + 10 + 1],
        ] as const) {
            const one = written(counters(count))
            expect(one.pieces).toHaveLength(pieces)
            expect(decodeJournal(one.bytes)).toEqual({
                condition: "whole",
                records: counters(count),
                next: one.next,
                blocks: Math.max(1024, one.next * 2),
                detail: "",
            })
            expect(one.next).toBeGreaterThan(count / 2 - 1)
            const before = new Uint8Array(one.bytes.length)
            for (const { at, bytes: put } of one.pieces.slice(0, -1)) {
                before.set(put, at)
                expect(decodeJournal(before).condition).toBe("damaged")
            }
        }
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
