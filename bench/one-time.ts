/**
 * What a packet costs the engine with 1, 10 000 and 100 000 knockers, ten upcoming sequences of each: processor time, in
 * simulated time. Prints one line for each load, as JSON; `npx tsx --expose-gc bench/one-time.ts`.
 *
 * From 1 to 100 000 knockers it has come to between 1.3 and 1.6 times as much for strangers, and between 2.1 and 2.4 times for
 * knockers' own hits, on a shared machine with two cores; twice is what is wanted.
 */

import type { Config } from "../src/core/config/config.ts"
import { DOOR, GATEWAY, ONE_TIME } from "../src/core/config/defaults.ts"
import { Engine } from "../src/core/engine.ts"
import { codeOf } from "../src/core/knock/hit.ts"
import { Tally } from "../src/core/metrics/tally.ts"
import { OneTimeBook } from "../src/core/one-time/book.ts"
import { poolOf } from "../src/core/one-time/pool.ts"
import { senderTo, timePerOne } from "./sender.ts"

const LENGTH = 4
const WINDOW = 10
const SOURCES = 65_536
const PACKETS = 2_000_000
/** Packets in a millisecond: so a source comes again after more than the time in which the same hit is no new one. */
const PER_MS = 20

/** Numbers that look random, the same in each run (xorshift). */
let state = 0x9e3779b9
function random(below: number): number {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
}

/** Nanoseconds for one of so many, after a quarter as many. */
function time(count: number, one: (i: number) => void): number {
    for (let i = 0; i < count / 4; i++) one(i)
    return Math.round(timePerOne(count, one))
}

const { from, to } = ONE_TIME.ports
const pool = poolOf({ protocols: ["tcp"], from, to, services: [] }).map(codeOf)

function draw(): number[] {
    const drawn = new Set<number>()
    while (drawn.size < LENGTH) drawn.add(pool[random(pool.length)]!)
    return [...drawn]
}

const config: Config = {
    gateway: { ...GATEWAY },
    hooks: [],
    bundles: null,
    hide: [],
    doors: [
        {
            ...DOOR,
            name: "bench",
            opens: [{ protocol: "tcp", port: 22 }],
            at: [],
            leadTo: [],
            always: [],
            closes: [],
            sequence: null,
            oneTime: { length: LENGTH, window: WINDOW, within: ONE_TIME.within, protocols: ["tcp"], from, to },
            command: null,
            command6: null,
        },
    ],
}

/**
 * Nanoseconds for a packet of a flood that begins sequences, and for one of knockers' hits, one after the other; and for the use
 * of a sequence: one goes, one comes. Bytes for each sequence.
 */
function measure(knockers: number): {
    knockers: number
    stranger: number
    knocker: number
    use: number
    bytes: number
} {
    globalThis.gc?.()
    const before = process.memoryUsage()
    const book = new OneTimeBook()
    book.reserve(LENGTH, knockers * WINDOW)
    // Flat: what is measured is the engine, not how far apart the lists of this program lie.
    const hits = new Uint32Array(knockers * LENGTH)
    for (let i = 0; i < knockers; i++) {
        book.join({ knocker: `k${i}`, door: "bench", length: LENGTH, window: WINDOW }, 0)
        for (let n = 0; n < WINDOW; n++) {
            const codes = draw()
            if (n === WINDOW - 1) hits.set(codes, i * LENGTH)
            book.put(`k${i}`, "bench", n, codes)
        }
    }
    globalThis.gc?.()
    const after = process.memoryUsage()
    const used = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed
    const engine = new Engine(config, [1, 2], new Tally(), book)
    const sender = senderTo(engine, { perMs: PER_MS, together: 64 })
    let claims = 0
    const send = (source: number, code: number) => {
        for (const effect of sender(source, code & 0xffff)) if (effect.type === "claim") claims++
    }
    const stranger = time(PACKETS, (i) => send(i % SOURCES, hits[(i % knockers) * LENGTH]!))
    const knocker = time(PACKETS, (i) => send((i >> 2) % SOURCES, hits[((i >> 2) % knockers) * LENGTH + (i & 3)]!))
    const use = time(20_000, (i) => {
        const who = `k${i % knockers}`
        const first = book.first(who, "bench")!
        book.advance(who, "bench", first + 1)
        book.put(who, "bench", first + WINDOW, draw())
    })
    if (claims === 0) throw new Error("nobody knocked right: the measurement is of nothing")
    return { knockers, stranger, knocker, use, bytes: Math.round(used / (knockers * WINDOW)) }
}

const rows = [1, 10_000, 100_000].map(measure)
for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
const times = (what: "stranger" | "knocker") => (rows[2]![what] / rows[0]![what]).toFixed(1)
process.stdout.write(`${JSON.stringify({ ratio: { stranger: times("stranger"), knocker: times("knocker") } })}\n`)
