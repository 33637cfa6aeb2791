import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { codeOf } from "../../../../src/core/knock/hit.ts"
import { OneTimeBook } from "../../../../src/core/one-time/book.ts"
import { account } from "../../../lab/account.ts"
import { config, World } from "../world.ts"

const HITS = 12
/** Few hits, so that sequences begin alike, and are equal now and then. */
const hit = (n: number) => 20_000 + n
const codesOf = (hits: readonly number[]) => hits.map((port) => codeOf({ protocol: "tcp", port }))
const oneTime = (window: number, length = 3) => ({
    length,
    window,
    within: 15_000,
    protocols: ["tcp" as const],
    from: 20_000,
    to: 30_000,
})

/** The sequence of a counter, the same each time: hits that depend on all that is given. */
function sequence(knocker: string, door: string, counter: number, length = 3): number[] {
    let state = `${knocker}/${door}/${counter}`
        .split("")
        .reduce((sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 0x01000193), 7)
    const drawn = new Set<number>()
    while (drawn.size < length) {
        state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 1
        drawn.add(hit((state >>> 8) % HITS))
    }
    return [...drawn]
}

/** The slow, obvious twin: who has which counters, and what was used. */
class Twin {
    readonly next = new Map<string, number>()
    readonly window: number

    constructor(window: number) {
        this.window = window
    }

    upcoming(key: string): number[] {
        const first = this.next.get(key)
        return first === undefined ? [] : Array.from({ length: this.window }, (_, i) => first + i)
    }

    /** Whom these hits let in, as `knocker door counter`: the latest of equal ones counts. */
    knock(hits: readonly number[]): string[] {
        const opened: string[] = []
        for (const [key, first] of this.next) {
            const [knocker = "", door = ""] = key.split(" ")
            const fits = this.upcoming(key).filter((n) => String(sequence(knocker, door, n)) === String(hits))
            if (fits.length === 0) continue
            opened.push(`${key} ${fits.at(-1)!}`)
            this.next.set(key, Math.max(first, fits.at(-1)! + 1))
        }
        return opened.sort()
    }
}

/** Fills up what is upcoming, as the daemon does. */
function fill(book: OneTimeBook): void {
    for (const { knocker, door, length, window } of book.members()) {
        const first = book.first(knocker, door)!
        for (let n = first; n < first + window; n++)
            if (book.sequence(knocker, door, n) === null)
                book.put(knocker, door, n, codesOf(sequence(knocker, door, n, length)))
    }
}

const act = fc.oneof(
    {
        weight: 8,
        arbitrary: fc.record({
            what: fc.constant("knock" as const),
            who: fc.nat(3),
            door: fc.nat(1),
            ahead: fc.nat(5),
        }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("leave" as const), who: fc.nat(3), door: fc.nat(1) }) },
    {
        weight: 2,
        arbitrary: fc.record({
            what: fc.constant("join" as const),
            who: fc.nat(3),
            door: fc.nat(1),
            first: fc.nat(40),
        }),
    },
)

describe("OneTimeBook", () => {
    it("lets in whom a slow twin lets in, as people come, go, knock, skip and knock again", () => {
        let [opened, refused, twice] = [0, 0, 0]
        fc.assert(
            fc.property(
                fc.integer({ min: 1, max: 4 }),
                fc.array(act, { minLength: 10, maxLength: 60 }),
                (window, acts) => {
                    const doors = ["a", "b"].map((name) => ({ name, opens: ["tcp/22"], oneTime: oneTime(window) }))
                    const world = new World(config(doors, { attempts: 1024 }))
                    const twin = new Twin(window)
                    const begin = [0, 1, 2].map((who) => ({ what: "join" as const, who, door: who & 1, first: 0 }))
                    for (const one of [...begin, ...acts]) {
                        const here = [...twin.next.keys()]
                        // Mostly those knock who are there.
                        const known =
                            one.what === "knock" && one.ahead > 0 ? here[(one.who * 2 + one.door) % here.length] : null
                        const key = known ?? `k${one.who} ${"ab"[one.door]!}`
                        const [knocker = "", door = ""] = key.split(" ")
                        if (one.what === "leave") {
                            world.book.leave(knocker, door)
                            twin.next.delete(key)
                        } else if (one.what === "join") {
                            const first = Math.max(one.first, (world.used.get(key) ?? -1) + 1)
                            world.book.join({ knocker, door, length: 3, window }, first)
                            twin.next.set(key, first)
                        } else {
                            const hits = sequence(knocker, door, (twin.next.get(key) ?? 3) + one.ahead - 1)
                            const before = new Map(world.used)
                            // A source of its own each time: what others have sent is not in the way.
                            const source = `198.51.${world.now % 200}.${(world.now >> 8) % 200}`
                            world.now += 1
                            for (const port of hits) world.send(source, String(port))
                            const seen = [...world.used].flatMap(([who, n]) =>
                                before.get(who) === n ? [] : [`${who} ${n}`],
                            )
                            const wanted = twin.knock(hits)
                            expect(seen.sort()).toEqual(wanted)
                            opened += wanted.length
                            if (wanted.length === 0) refused++
                            if (wanted.length > 1) twice++
                        }
                        fill(world.book)
                    }
                    const size = [...world.book.members()].length * window
                    expect(world.book.size).toBe(size)
                },
            ),
            { numRuns: 100 },
        )
        account(`${opened} one-time knocks let somebody in, ${refused} did not, ${twice} were of two at once`)
        expect(opened).toBeGreaterThan(300)
        expect(refused).toBeGreaterThan(300)
        expect(twice).toBeGreaterThan(0)
    })

    it("counts a hit as one only as long as a sequence has it", () => {
        const book = new OneTimeBook()
        for (const who of ["a", "b"]) book.join({ knocker: who, door: "d", length: 3, window: 2 }, 0)
        fill(book)
        const before = book.roles.filter((role) => role !== 0).length
        expect(before).toBeGreaterThan(2)
        book.advance("a", "d", 2)
        book.leave("b", "d")
        expect(book.roles.every((role) => role === 0)).toBe(true)
        expect(book.size).toBe(0)
    })

    it("forgets nobody as it grows", () => {
        const book = new OneTimeBook()
        const names = Array.from({ length: 300 }, (_, i) => `k${i}`)
        for (const knocker of names) book.join({ knocker, door: "d", length: 4, window: 3 }, 5)
        fill(book)
        for (const knocker of names) {
            for (let n = 5; n < 8; n++)
                expect(book.sequence(knocker, "d", n)).toEqual(codesOf(sequence(knocker, "d", n, 4)))
            expect(book.sequence(knocker, "d", 8)).toBeNull()
        }
    })
})
