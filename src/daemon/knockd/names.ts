/**
 * Names of sources, for people. Nobody waits for one: a source is called by its address until its name is known, and by
 * both from then on. (knockd stands still meanwhile, for ten seconds where a name server says nothing.)
 */
import { reverse } from "node:dns/promises"
import { type Address, formatAddress } from "../../core/net/address.ts"

/** Ours: so many are remembered, and asked for at once. */
const NAMES_MOST = 1000
const ASKED_MOST = 10

/** See the head of the file. */
export class Names {
    readonly #names = new Map<string, string | null>()
    #asked = 0

    /** What to call this source now. */
    of(source: Address): string {
        const address = formatAddress(source)
        const name = this.#names.get(address)
        if (name === undefined && this.#asked < ASKED_MOST) void this.#ask(address)
        return name == null ? address : `${address} (${name})`
    }

    async #ask(address: string): Promise<void> {
        this.#asked++
        if (this.#names.size >= NAMES_MOST) this.#names.clear()
        this.#names.set(address, null)
        try {
            // A name is what some other server says: nothing of it may write our log.
            const [name = ""] = await reverse(address)
            if (/^[\w.-]{1,253}$/.test(name)) this.#names.set(address, name)
        } catch {
            // It has none, or nobody knows.
        } finally {
            this.#asked--
        }
    }
}
