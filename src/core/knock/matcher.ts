/**
 * The matcher: a knock is recognised when a source's last k hits, within the window, are exactly a sequence
 * (spec/knock-language.md, "Matching"). So a wrong hit spoils a knock by itself, the next right k hits succeed by
 * themselves, and neither doors nor sources disturb each other.
 *
 * The matcher remembers hits; everything it has to tell goes to a listener as numbers and as objects that exist
 * already, so that a flood allocates nothing here.
 */
import { Attempts, FORGET_MS } from "./attempts.ts"
import { Deadlines } from "./deadlines.ts"
import type { HitCode } from "./hit.ts"
import {
    DRAWN,
    FIRST,
    fold,
    INSISTED,
    NAMED,
    type Prefix,
    prefixOfDoor,
    roleOf,
    type SequenceIndex,
    slotOf,
    type Wanted,
} from "./sequence.ts"

/** The spec's: the same packet again within this time (ms) was sent again, by a system that had no answer. */
const SENT_AGAIN_MS = 90_000
/** The spec's: the same hit again so soon (ms) after the last one is a repeat by the client's system, not a new hit. */
const REPEAT_MS = 1500
/** The spec's: an attempt spoiled at this stage or later is a near-miss: a guess with inside knowledge, or a slip. */
const NEAR_MISS_STAGE = 2
/** The spec's: near-misses that cost nothing; the next one pauses the source for a second, each further one doubles. */
const FREE_MISSES = 4
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 64_000

/** Hears what happens. `place` is where the source stands in `attempts`. */
export type MatchListener = {
    /** The last hits are this sequence; `hash`: folded, as one-time sequences are found by. */
    recognised(wanted: Wanted, place: number, hash: number): void
    /** The last hits begin sequences: `prefix.codes.length` hits of each of `prefix.longer`, the first `age` ms ago. */
    advanced(prefix: Prefix, place: number, age: number): void
    /** The window of an attempt that had come this far has passed. */
    timedOut(prefix: Prefix, place: number): void
    /** An attempt that had come this far was spoiled by this hit, `after` ms after its own last one. */
    spoiled(prefix: Prefix, place: number, code: HitCode, after: number): void
    /** The last hits would have gone on, or been the sequence, with some windows (not all) longer than this `age` (ms). */
    late(prefix: Prefix, place: number, age: number): void
    /** The source's hits do not count for `ms`. */
    paused(place: number, ms: number): void
}

/** What became of packets, for `status` and metrics. `strays`: of no sequence, and of nobody who is knocking. */
export type MatchCounts = { hits: number; repeats: number; paused: number; noRoom: number; strays: number }

/** The hit is in some sequence of the view. */
const KNOWN = NAMED | DRAWN
/** Between hits that are used up and the next ones: the code of no hit. */
const USED_UP = 0

/** See the head of the file. `indexes` are the views' sequences; a view is its number there. */
export class Matcher {
    readonly attempts: Attempts
    readonly counts: MatchCounts
    readonly #indexes: readonly SequenceIndex[]
    readonly #deadlines: Deadlines
    readonly #listener: MatchListener

    /** `capacity`: sources remembered at once (see Attempts); `seed`: two random 32-bit numbers; `counts` are raised. */
    constructor(
        indexes: readonly SequenceIndex[],
        capacity: number,
        seed: readonly [number, number],
        listener: MatchListener,
        counts: MatchCounts = { hits: 0, repeats: 0, paused: 0, noRoom: 0, strays: 0 },
    ) {
        this.#indexes = indexes
        const depth = Math.max(1, ...indexes.map((index) => (index.apart ? index.depth + 1 : index.depth)))
        this.attempts = new Attempts(capacity, depth, seed)
        this.#deadlines = new Deadlines(capacity)
        this.#listener = listener
        this.counts = counts
    }

    /**
     * One packet of source a.b.c.d (words) that counts in this view. `mark` is equal for retransmissions of the same
     * packet and 0 where the protocol has none (UDP).
     */
    hit(view: number, a: number, b: number, c: number, d: number, code: HitCode, mark: number, now: number): void {
        const { attempts, counts } = this
        const index = this.#indexes[view]!
        const role = roleOf(index, slotOf(code))
        if (role === 0 && !index.strict) return
        let place = attempts.find(a, b, c, d, view)
        if (place >= 0 && now - attempts.touched(place) > FORGET_MS) {
            this.#deadlines.clear(place)
            attempts.release(place)
            place = -1
        }
        if (place < 0) {
            // Nothing to spoil, and no sequence begins so.
            if ((role & FIRST) === 0) {
                counts.strays++
                return
            }
            place = attempts.claim(a, b, c, d, view, now)
            if (place < 0) {
                counts.noRoom++
                return
            }
        }
        if (attempts.paused(place) > now) {
            counts.paused++
            return
        }
        // The deadline may not have been looked at yet: what opens, and what is a near-miss, does not depend on that.
        if (attempts.stage(place) > 0) {
            const { within } = index.all[attempts.prefix(place)]!.longer[0]!
            if (now - attempts.time(place, attempts.stage(place)) > within) this.#timeOut(place, now)
        }
        if (index.apart ? this.#isAgain(place, index, code, mark, now) : this.#isRepeat(place, role, code, mark, now)) {
            counts.repeats++
            if (index.apart) this.#beginAgain(place, index, now)
            return
        }
        counts.hits++
        attempts.setTouched(place, now)
        if ((role & KNOWN) !== 0) {
            attempts.push(place, code, now, mark)
            this.#match(place, view, now)
            return
        }
        this.#end(place, view, attempts.stage(place), code, now)
        this.#deadlines.clear(place)
        if (attempts.misses(place) === 0) attempts.release(place)
        else attempts.empty(place)
    }

    /**
     * Goes on with what another matcher remembers, for sequences that may be others: hits with their times, near-misses
     * and pauses. `views`: which view here sees what a view there saw; -1: none. Nothing is recognised and nothing
     * is told. What an attempt was told to be it stays, as long as a sequence begins so.
     */
    inherit(from: Matcher, views: readonly number[], now: number): void {
        from.attempts.each((place) => {
            const view = views[from.attempts.view(place)] ?? -1
            if (view >= 0) this.#adopt(from.attempts, place, view, now)
        })
    }

    /** Ends the attempts whose window has passed. */
    expire(now: number): void {
        this.#deadlines.expire(now, (place) => this.#timeOut(place, now))
    }

    /** When `expire` has something to do, or null. */
    next(): number | null {
        return this.#deadlines.next()
    }

    /** For a place with a live attempt: what it has begun, and when (ms) its first hit came. */
    standing(place: number): { readonly prefix: Prefix; readonly began: number } {
        const { attempts } = this
        const prefix = this.#indexes[attempts.view(place)]!.all[attempts.prefix(place)]!
        return { prefix, began: attempts.time(place, attempts.stage(place)) }
    }

    /** Looks through the ring once, from the last hit backwards: what is complete, and what has begun? */
    #match(place: number, view: number, now: number): void {
        const { attempts } = this
        const index = this.#indexes[view]!
        const stage = attempts.stage(place)
        const before = stage > 0 ? index.all[attempts.prefix(place)]! : null
        const count = attempts.count(place)
        let longest: Prefix | null = null
        let began = now
        let overdue: Prefix | null = null
        let overdueAge = 0
        let success = false
        let went = false
        const parts = partsOf(index)
        for (let length = 1, hash = 0; length <= count; length++) {
            hash = fold(hash, attempts.code(place, length))
            const age = now - attempts.time(place, length)
            for (let part = 0; part < parts; part++) {
                const prefix = this.#lookUp(index, part, hash, place, length)
                if (prefix === null) continue
                if (age > prefix.shortest) {
                    overdue = prefix
                    overdueAge = age
                }
                for (const wanted of prefix.complete) {
                    if (age > wanted.within) continue
                    success = true
                    if (length === stage + 1) went = true
                    this.#listener.recognised(wanted, place, hash)
                }
                if (prefix.longer.length > 0 && age <= prefix.longer[0]!.within) {
                    longest = further(longest, prefix)
                    began = now - age
                    if (length === stage + 1) went = true
                }
            }
        }
        const meant = attempts.quiet(place) === 0
        if (success) attempts.setMisses(place, 0)
        if (before !== null && !went) this.#end(place, view, stage + 1, attempts.code(place, 1), now)
        // A source that has just been paused stands nowhere.
        if (attempts.paused(place) > now || (success && index.apart)) longest = null
        this.#stand(place, longest, now)
        attempts.setQuiet(place, success ? 1 : 0)
        if (success && index.apart) attempts.push(place, USED_UP, now, 0)
        if (success) return
        if (longest !== null) this.#listener.advanced(longest, place, now - began)
        if (overdue !== null && meant) this.#listener.late(overdue, place, overdueAge)
    }

    /** The attempt at this place, which began `back` hits ago, did not go on as it should have, but with this hit. */
    #end(place: number, view: number, back: number, code: HitCode, now: number): void {
        const { attempts } = this
        const stage = attempts.stage(place)
        if (stage === 0) return
        const prefix = this.#indexes[view]!.all[attempts.prefix(place)]!
        const last = attempts.time(place, back - stage + 1)
        if (attempts.quiet(place) === 0) this.#listener.spoiled(prefix, place, code, now - last)
        attempts.setStage(place, 0)
        if (stage < NEAR_MISS_STAGE) return
        if (this.#indexes[view]!.apart) return
        const misses = Math.min(attempts.misses(place) + 1, 255)
        attempts.setMisses(place, misses)
        if (misses <= FREE_MISSES) return
        const ms = Math.min(FIRST_PAUSE_MS * 2 ** (misses - FREE_MISSES - 1), LONGEST_PAUSE_MS)
        attempts.setPaused(place, now + ms)
        attempts.empty(place)
        this.#listener.paused(place, ms)
    }

    /** The window of the attempt at this place has passed; a shorter one may go on. */
    #timeOut(place: number, now: number): void {
        const { attempts } = this
        const index = this.#indexes[attempts.view(place)]!
        if (attempts.quiet(place) === 0) this.#listener.timedOut(index.all[attempts.prefix(place)]!, place)
        this.#stand(place, this.#longest(place, index, now), now)
    }

    /** Notes how far the place is now, and until when. */
    #stand(place: number, prefix: Prefix | null, now: number): void {
        const { attempts } = this
        if (prefix === null) {
            attempts.setStage(place, 0)
            this.#deadlines.clear(place)
            return
        }
        const stage = prefix.codes.length
        attempts.setStage(place, stage)
        attempts.setPrefix(place, prefix.id)
        this.#deadlines.set(place, attempts.time(place, stage) + prefix.longer[0]!.within + 1, now)
    }

    /** Takes one place over. */
    #adopt(from: Attempts, old: number, view: number, now: number): void {
        const { attempts } = this
        if (now - from.touched(old) > FORGET_MS) return
        const index = this.#indexes[view]!
        // Any other hit among them would have been a wrong one here.
        let hits = 0
        while (hits < Math.min(from.count(old), attempts.depth)) {
            const code = from.code(old, hits + 1)
            if (code === USED_UP || (roleOf(index, slotOf(code)) & KNOWN) === 0) break
            hits++
        }
        if (hits === 0 && from.misses(old) === 0) return
        const [a, b, c, d] = [from.source(old, 0), from.source(old, 1), from.source(old, 2), from.source(old, 3)]
        const place = attempts.claim(a, b, c, d, view, now)
        if (place < 0) return
        attempts.setTouched(place, from.touched(old))
        attempts.setMisses(place, from.misses(old))
        attempts.setPaused(place, from.paused(old))
        for (let back = hits; back > 0; back--) {
            attempts.push(place, from.code(old, back), from.time(old, back), from.mark(old, back))
        }
        const stage = from.stage(old)
        let longest: Prefix | null = null
        const parts = partsOf(index)
        for (let length = 1, hash = 0; length <= hits; length++) {
            hash = fold(hash, attempts.code(place, length))
            for (let part = 0; part < parts; part++) {
                const prefix = this.#lookUp(index, part, hash, place, length)
                if (prefix === null || prefix.longer.length === 0) continue
                // One whose window has passed is ended, and told of, at its deadline.
                if (length === stage || now - attempts.time(place, length) <= prefix.longer[0]!.within)
                    longest = further(longest, prefix)
            }
        }
        this.#stand(place, longest, now)
        // Nobody was told of an attempt that only these sequences make of it.
        attempts.setQuiet(place, (longest?.codes.length ?? 0) === stage ? from.quiet(old) : 1)
    }

    /** The longest beginning of a sequence that the last hits still are: one shorter than the one whose window passed. */
    #longest(place: number, index: SequenceIndex, now: number): Prefix | null {
        const { attempts } = this
        let longest: Prefix | null = null
        const parts = partsOf(index)
        for (let length = 1, hash = 0; length < attempts.stage(place); length++) {
            hash = fold(hash, attempts.code(place, length))
            for (let part = 0; part < parts; part++) {
                const prefix = this.#lookUp(index, part, hash, place, length)
                if (prefix === null || prefix.longer.length === 0) continue
                if (now - attempts.time(place, length) <= prefix.longer[0]!.within) longest = further(longest, prefix)
            }
        }
        return longest
    }

    /** What the last `length` hits begin or are, in one part of the index: the fixed sequences, or a table of the book. */
    #lookUp(index: SequenceIndex, part: number, hash: number, place: number, length: number): Prefix | null {
        if (part > 0) {
            const { book } = index.oneTime!
            const table = book.tables[part - 1]!
            if (length > table.length) return null
            // Nearly every packet of a flood is a first hit: no table is looked into for it.
            if (length === 1)
                return part > 1 ? null : prefixOfDoor(index, book.doorBegunBy(this.attempts.code(place, 1)), 1)
            const row = table.find(hash, this.attempts, place, length)
            return row < 0 ? null : prefixOfDoor(index, book.doorAt(table, row), length)
        }
        const bucket = index.byHash.get(hash)
        if (bucket === undefined) return null
        for (const prefix of bucket) {
            if (prefix.codes.length !== length) continue
            let back = 1
            while (back <= length && prefix.codes[length - back] === this.attempts.code(place, back)) back++
            if (back > length) return prefix
        }
        return null
    }

    /**
     * The same where a view is a door's own: what the sequence wants next is never a repeat, and a packet that was sent
     * again is one for as long as the attempt lives. Hand-made packets are all alike: the next knock must not be taken
     * for the last one.
     */
    #isAgain(place: number, index: SequenceIndex, code: HitCode, mark: number, now: number): boolean {
        const { attempts } = this
        const stage = attempts.stage(place)
        if (stage === 0 || index.all[attempts.prefix(place)]!.longer.some(({ codes }) => codes[stage] === code))
            return false
        if (attempts.code(place, 1) === code && (index.duplicates || now - attempts.time(place, 1) <= REPEAT_MS))
            return true
        for (let back = mark === 0 ? stage + 1 : 1; back <= stage; back++) {
            if (attempts.code(place, back) === code && attempts.mark(place, back) === mark) return true
        }
        return false
    }

    /** A first hit that comes again: the window begins with the last of them, as with a knock that is begun anew. */
    #beginAgain(place: number, index: SequenceIndex, now: number): void {
        const { attempts } = this
        if (attempts.stage(place) !== 1) return
        attempts.setTime(place, 1, now)
        attempts.setTouched(place, now)
        this.#stand(place, index.all[attempts.prefix(place)]!, now)
    }

    #isRepeat(place: number, role: number, code: HitCode, mark: number, now: number): boolean {
        const { attempts } = this
        const count = attempts.count(place)
        for (let back = mark === 0 ? count + 1 : 1; back <= count; back++) {
            if (now - attempts.time(place, back) > SENT_AGAIN_MS) break
            if (attempts.code(place, back) === code && attempts.mark(place, back) === mark) return true
        }
        if (count === 0 || (role & INSISTED) !== 0 || attempts.code(place, 1) !== code) return false
        return now - attempts.time(place, 1) <= REPEAT_MS
    }
}

/** Fixed sequences are one part of an index, and each table of one-time sequences is another. */
function partsOf({ oneTime }: SequenceIndex): number {
    return oneTime === null ? 1 : 1 + oneTime.book.tables.length
}

/** Which of two beginnings an attempt is said to be at: the longer one, or the one with more time. */
function further(a: Prefix | null, b: Prefix): Prefix {
    return a !== null && a.codes.length === b.codes.length && a.longer[0]!.within >= b.longer[0]!.within ? a : b
}
