/**
 * Which names there are, asked in a way that tells nothing of those that were not asked for. Every question, whatever
 * it looks like, is made into a word of one length, that word into a digest under a key that nobody knows, and the
 * digest is what is looked for: so how long it takes depends neither on how much of a question is right nor on how many
 * names there are that look alike.
 */
import { createHmac, randomBytes } from "node:crypto"
import { PLACE } from "../core/one-time/place.ts"

/** Ours: questions are cut to so many bytes, and filled up to them. */
const WORD = 64

export class Names {
    readonly #key = randomBytes(32)
    /** Names by their digests. */
    readonly #index = new Map<string, string>()
    /** Digests by their names. */
    readonly #known = new Map<string, string>()

    /** Could a file of this name be a bundle (spec/bundle.md, section 5)? */
    static fits(name: string): boolean {
        return PLACE.test(name)
    }

    get size(): number {
        return this.#known.size
    }

    has(name: string): boolean {
        return this.#known.has(name)
    }

    /** Takes a name in. Throws on one that does not fit. */
    add(name: string): void {
        if (!Names.fits(name)) throw new RangeError("no name of a bundle")
        const digest = this.#digest(name)
        this.#index.set(digest, name)
        this.#known.set(name, digest)
    }

    /** Keeps those of its names that `wanted` has. */
    retain(wanted: ReadonlySet<string>): void {
        for (const [name, digest] of this.#known) {
            if (wanted.has(name)) continue
            this.#known.delete(name)
            this.#index.delete(digest)
        }
    }

    /** The name that a stranger's word is, or null. */
    find(word: string): string | null {
        return this.#index.get(this.#digest(word)) ?? null
    }

    #digest(word: string): string {
        const bytes = Buffer.alloc(WORD)
        bytes.write(word)
        return createHmac("sha256", this.#key).update(bytes).digest("base64")
    }
}
