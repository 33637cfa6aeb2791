/**
 * What the page remembers of a knocker (spec/enrolment.md, section 4): whom to believe, the newest bundle it has seen, and
 * how often each sequence was sent. In the browser's storage, if the person wants that and the browser has one; else as long
 * as the page is open. A key is kept only if the person asks for it.
 */
import type { Seen } from "../core/one-time/accept.ts"
import { isSigningKey } from "../core/one-time/link.ts"

/** What is kept of one gateway and knocker. */
export type Kept = {
    /** The key of the gateway as it was first believed: that of the link. */
    readonly begun: string
    /** The key that is pinned since the newest bundle. */
    readonly key: string
    /** The newest bundle that was accepted; null: none yet. */
    readonly seen: Seen | null
    /** How often each sequence was sent, by its name. */
    readonly tried: Readonly<Record<string, number>>
}

const KNOCKER = "postern 1 knocker "
const WORDS = ["link", "identity"] as const

export class Memory {
    readonly #texts = new Map<string, string>()
    readonly #storage: Storage | null
    #lasting = true

    /** `storage`: null where the browser gives none. */
    constructor(storage: Storage | null) {
        this.#storage = storage
        for (let at = 0; at < (storage?.length ?? 0); at++) {
            const name = storage?.key(at)
            if (name?.startsWith("postern 1 ")) this.#texts.set(name, storage?.getItem(name) ?? "")
        }
    }

    /** Is anything kept from earlier? */
    get empty(): boolean {
        return this.#texts.size === 0
    }

    /** May it outlive the page? If not, what was kept before goes. */
    set lasting(lasting: boolean) {
        this.#lasting = lasting
        for (const [name, text] of this.#texts) this.#write(name, lasting ? text : null)
    }

    kept(gateway: string, knocker: string): Kept | null {
        return readKept(this.#texts.get(`${KNOCKER}${gateway} ${knocker}`) ?? "")
    }

    keep(gateway: string, knocker: string, kept: Kept): void {
        this.#set(`${KNOCKER}${gateway} ${knocker}`, JSON.stringify(kept))
    }

    word(name: (typeof WORDS)[number]): string | null {
        return this.#texts.get(`postern 1 ${name}`) ?? null
    }

    /** Keeps a text; null takes it away. */
    setWord(name: (typeof WORDS)[number], text: string | null): void {
        if (text === null) this.#remove(`postern 1 ${name}`)
        else this.#set(`postern 1 ${name}`, text)
    }

    /** Everything. */
    forget(): void {
        for (const name of this.#texts.keys()) this.#remove(name)
    }

    #set(name: string, text: string): void {
        this.#texts.set(name, text)
        if (this.#lasting) this.#write(name, text)
    }

    #remove(name: string): void {
        this.#texts.delete(name)
        this.#write(name, null)
    }

    #write(name: string, text: string | null): void {
        try {
            if (text === null) this.#storage?.removeItem(name)
            else this.#storage?.setItem(name, text)
        } catch {
            // It is full, or has been switched off: then it lasts as long as the page does.
        }
    }
}

/** What was kept, if nobody has changed it. */
function readKept(text: string): Kept | null {
    let found: unknown
    try {
        found = JSON.parse(text)
    } catch {
        return null
    }
    if (typeof found !== "object" || found === null) return null
    if (!("begun" in found && "key" in found && "seen" in found && "tried" in found)) return null
    const { begun, key, seen, tried } = found
    if (typeof begun !== "string" || typeof key !== "string" || !isSigningKey(begun) || !isSigningKey(key)) return null
    if (!isSeen(seen) || typeof tried !== "object" || tried === null) return null
    const counts = Object.entries(tried).filter((one): one is [string, number] => typeof one[1] === "number")
    return { begun, key, seen, tried: Object.fromEntries(counts) }
}

function isSeen(found: unknown): found is Seen | null {
    if (found === null) return true
    if (typeof found !== "object" || !("serial" in found && "contents" in found)) return false
    return typeof found.serial === "number" && typeof found.contents === "string"
}
