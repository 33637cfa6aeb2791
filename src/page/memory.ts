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

const OURS = "postern 1 "
const KNOCKER = `${OURS}knocker `
/** Kept if the person asks for that, whatever he says of the rest. */
const IDENTITY = `${OURS}identity`

export class Memory {
    readonly #texts = new Map<string, string>()
    #storage: Storage | null
    #lasting = true

    /** `storage`: null where the browser gives none. */
    constructor(storage: Storage | null) {
        this.#storage = storage
        for (let at = 0; at < (storage?.length ?? 0); at++) {
            const name = storage?.key(at)
            if (name?.startsWith(OURS)) this.#texts.set(name, storage?.getItem(name) ?? "")
        }
    }

    /** Is nothing kept? */
    get empty(): boolean {
        return this.#texts.size === 0
    }

    /** May it outlive the page? If not, what was kept before goes, but for the key. */
    set lasting(lasting: boolean) {
        this.#lasting = lasting
        for (const [name, text] of this.#texts) this.#write(name, text)
    }

    kept(gateway: string, knocker: string): Kept | null {
        return readKept(this.#read(`${KNOCKER}${gateway} ${knocker}`) ?? "")
    }

    keep(gateway: string, knocker: string, kept: Kept): void {
        this.#set(`${KNOCKER}${gateway} ${knocker}`, JSON.stringify(kept))
    }

    word(name: "link" | "identity"): string | null {
        return this.#read(`${OURS}${name}`)
    }

    /** Keeps a text; null takes it away. */
    setWord(name: "link" | "identity", text: string | null): void {
        if (text === null) this.#remove(`${OURS}${name}`)
        else this.#set(`${OURS}${name}`, text)
    }

    /** Everything. */
    forget(): void {
        for (const name of this.#texts.keys()) this.#remove(name)
    }

    /** As it is now: another page of this browser may have changed it. */
    #read(name: string): string | null {
        const lasts = this.#lasting && this.#storage !== null
        return (lasts ? this.#storage?.getItem(name) : this.#texts.get(name)) ?? null
    }

    #set(name: string, text: string): void {
        this.#texts.set(name, text)
        this.#write(name, text)
    }

    #remove(name: string): void {
        this.#texts.delete(name)
        this.#storage?.removeItem(name)
    }

    #write(name: string, text: string): void {
        try {
            if (this.#lasting || name === IDENTITY) this.#storage?.setItem(name, text)
            else this.#storage?.removeItem(name)
        } catch {
            // It is full: then all lasts as long as the page does.
            this.#storage = null
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
