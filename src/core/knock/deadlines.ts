/**
 * A timing wheel over the numbers 0…size-1: each number has at most one deadline. Setting, clearing and expiring cost
 * the same however many there are, and nothing is allocated: a flood of attempts is a flood of deadlines.
 */

/** Milliseconds per spoke. A deadline is reported at most this much late. */
const TICK = 32
/** Spokes: deadlines further away than TICK × SPOKES wait on the last one and are set anew. */
const SPOKES = 4096
const NONE = -1
/** The size of a number's piece in doubles and in words; its deadline is the first double, then come these words. */
const AT = 3
const LINKS = 2 * AT
const NEXT = 2
const PREVIOUS = 3
/** Counted from 1, so that fresh memory says "on no spoke" and stays untouched. */
const SPOKE = 4

/** See the head of the file. Times are whole milliseconds and never go back. */
export class Deadlines {
    /** Views of one buffer: for each number its deadline and its neighbours on the spoke, in one piece of memory. */
    readonly #at: Float64Array
    readonly #links: Int32Array
    readonly #heads = new Int32Array(SPOKES).fill(NONE)
    #count = 0
    /** Everything on spokes before this tick has been expired. */
    #tick = 0

    constructor(size: number) {
        const buffer = new ArrayBuffer(size * AT * 8)
        this.#at = new Float64Array(buffer)
        this.#links = new Int32Array(buffer)
    }

    /** Sets or moves the deadline of `id`. */
    set(id: number, at: number, now: number): void {
        this.clear(id)
        // An empty wheel has not turned: it starts where we are.
        if (this.#count === 0) this.#tick = Math.max(this.#tick, Math.floor(now / TICK))
        this.#at[id * AT] = at
        const tick = Math.min(Math.max(Math.ceil(at / TICK), this.#tick), this.#tick + SPOKES - 1)
        const spoke = tick % SPOKES
        const head = this.#heads[spoke]!
        this.#links[id * LINKS + NEXT] = head
        this.#links[id * LINKS + PREVIOUS] = NONE
        if (head !== NONE) this.#links[head * LINKS + PREVIOUS] = id
        this.#heads[spoke] = id
        this.#links[id * LINKS + SPOKE] = spoke + 1
        this.#count++
    }

    /** Takes the deadline of `id` back, if it has one. */
    clear(id: number): void {
        const spoke = this.#links[id * LINKS + SPOKE]! - 1
        if (spoke < 0) return
        const [next, previous] = [this.#links[id * LINKS + NEXT]!, this.#links[id * LINKS + PREVIOUS]!]
        if (previous === NONE) this.#heads[spoke] = next
        else this.#links[previous * LINKS + NEXT] = next
        if (next !== NONE) this.#links[next * LINKS + PREVIOUS] = previous
        this.#links[id * LINKS + SPOKE] = 0
        this.#count--
    }

    /** Calls `due` for each deadline at or before `now`, once. `due` may set the deadline of the number it is given. */
    expire(now: number, due: (id: number) => void): void {
        const last = Math.floor(now / TICK)
        if (this.#count === 0 || last - this.#tick >= SPOKES) {
            // Nothing waits, or a whole turn has passed: every spoke is looked at once, none twice.
            const first = this.#tick
            this.#tick = Math.max(last + 1, this.#tick)
            if (this.#count > 0) for (let i = 0; i < SPOKES; i++) this.#turn((first + i) % SPOKES, now, due)
            return
        }
        while (this.#tick <= last) this.#turn(this.#tick++ % SPOKES, now, due)
    }

    /** The next time at which `expire` has something to do, or null. */
    next(): number | null {
        if (this.#count === 0) return null
        for (let i = 0; i < SPOKES; i++) {
            if (this.#heads[(this.#tick + i) % SPOKES] !== NONE) return (this.#tick + i) * TICK
        }
        return null
    }

    #turn(spoke: number, now: number, due: (id: number) => void): void {
        let id = this.#heads[spoke]!
        this.#heads[spoke] = NONE
        let waiting = NONE
        for (; id !== NONE; ) {
            const next = this.#links[id * LINKS + NEXT]!
            this.#links[id * LINKS + SPOKE] = 0
            this.#count--
            if (this.#at[id * AT]! <= now) {
                // Chained through the free `previous` field first: `due` may put its number back onto this very spoke.
                this.#links[id * LINKS + PREVIOUS] = waiting
                waiting = id
            } else {
                this.set(id, this.#at[id * AT]!, now)
            }
            id = next
        }
        for (; waiting !== NONE; ) {
            const next = this.#links[waiting * LINKS + PREVIOUS]!
            due(waiting)
            waiting = next
        }
    }
}
