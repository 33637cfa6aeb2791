/** Things that fall due, soonest first: a binary heap. Moving or dropping an entry leaves the old one to be skipped. */
export class Agenda<T extends { due: number }> {
    readonly #heap: { at: number; item: T }[] = []

    /** Puts `item` on the agenda for `item.due`; call again after changing `due`. Infinity takes it off. */
    add(item: T): void {
        if (item.due === Number.POSITIVE_INFINITY) return
        const heap = this.#heap
        heap.push({ at: item.due, item })
        for (let child = heap.length - 1; child > 0; ) {
            const parent = (child - 1) >> 1
            if (heap[parent]!.at <= heap[child]!.at) break
            this.#swap(parent, child)
            child = parent
        }
    }

    /** The next item due at or before `now`, taken off; null when there is none. */
    take(now: number): T | null {
        for (;;) {
            const at = this.next()
            if (at === null || at > now) return null
            const { item } = this.#pop()
            item.due = Number.POSITIVE_INFINITY
            return item
        }
    }

    /** When the next item is due, or null. */
    next(): number | null {
        while (this.#heap.length > 0 && this.#heap[0]!.at !== this.#heap[0]!.item.due) this.#pop()
        return this.#heap[0]?.at ?? null
    }

    #pop(): { at: number; item: T } {
        const heap = this.#heap
        const top = heap[0]!
        const last = heap.pop()!
        if (heap.length === 0) return top
        heap[0] = last
        for (let parent = 0; ; ) {
            let least = parent
            for (const child of [parent * 2 + 1, parent * 2 + 2]) {
                if (child < heap.length && heap[child]!.at < heap[least]!.at) least = child
            }
            if (least === parent) return top
            this.#swap(parent, least)
            parent = least
        }
    }

    #swap(a: number, b: number): void {
        const kept = this.#heap[a]!
        this.#heap[a] = this.#heap[b]!
        this.#heap[b] = kept
    }
}
