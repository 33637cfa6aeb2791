import type { Address } from "./address.ts"

/** A fixed set of addresses, asked once per packet: open addressing in one typed array, and a question allocates nothing. */
export class AddressSet {
    readonly #words: Uint32Array
    readonly #used: Uint8Array
    readonly #mask: number

    constructor(addresses: readonly Address[]) {
        let slots = 8
        while (slots < addresses.length * 2) slots *= 2
        this.#mask = slots - 1
        this.#words = new Uint32Array(slots * 4)
        this.#used = new Uint8Array(slots)
        for (const [a, b, c, d] of addresses) {
            const slot = this.#slot(a, b, c, d)
            this.#used[slot] = 1
            this.#words.set([a, b, c, d], slot * 4)
        }
    }

    has(a: number, b: number, c: number, d: number): boolean {
        return this.#used[this.#slot(a, b, c, d)] === 1
    }

    /** Where this address is, or would be. Half of the slots are free, so the search ends. */
    #slot(a: number, b: number, c: number, d: number): number {
        const words = this.#words
        let slot =
            (Math.imul(a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ d, 0xc2b2ae35) >>> 13) & this.#mask
        for (;;) {
            const at = slot * 4
            if (this.#used[slot] === 0) return slot
            if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot
            slot = (slot + 1) & this.#mask
        }
    }
}
