/** The earliest of some times; null is never. */
export function soonest(...times: readonly (number | null)[]): number | null {
    return times.reduce((a, b) => (a === null || b === null ? (a ?? b) : Math.min(a, b)), null)
}

/**
 * Things that fall due, soonest first: a binary heap that knows where each thing stands, so that it holds each once,
 * however often it is moved.
 */
export class Agenda<T extends { due: number }> {
    readonly #heap: T[] = []
    readonly #places = new Map<T, number>()

    /** Puts `item` on the agenda for `due`, or moves it there; Infinity takes it off. Nobody else changes `item.due`. */
    set(item: T, due: number): void {
        const place = this.#places.get(item)
        item.due = due
        if (due === Number.POSITIVE_INFINITY) {
            if (place !== undefined) this.#remove(place)
        } else {
            this.#settle(item, place ?? this.#heap.length)
        }
    }

    /** The next item due at or before `now`, taken off; null when there is none. */
    take(now: number): T | null {
        const item = this.#heap[0]
        if (item === undefined || item.due > now) return null
        this.set(item, Number.POSITIVE_INFINITY)
        return item
    }

    /** When the next item is due, or null. */
    next(): number | null {
        return this.#heap[0]?.due ?? null
    }

    #remove(place: number): void {
        this.#places.delete(this.#heap[place]!)
        const last = this.#heap.pop()!
        if (place < this.#heap.length) this.#settle(last, place)
    }

    /** Puts `item` into the heap at `place`, or above or below it, as its time wants. */
    #settle(item: T, place: number): void {
        const heap = this.#heap
        for (;;) {
            const parent = (place - 1) >> 1
            if (place === 0 || heap[parent]!.due <= item.due) break
            this.#put(heap[parent]!, place)
            place = parent
        }
        for (;;) {
            let child = place * 2 + 1
            if (child + 1 < heap.length && heap[child + 1]!.due < heap[child]!.due) child++
            if (child >= heap.length || heap[child]!.due >= item.due) break
            this.#put(heap[child]!, place)
            place = child
        }
        this.#put(item, place)
    }

    #put(item: T, place: number): void {
        this.#heap[place] = item
        this.#places.set(item, place)
    }
}
