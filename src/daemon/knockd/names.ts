/**
 * Names of sources, for people. Nobody waits for one: a source is called by its address until its name is known, and by
 * both from then on. (knockd stands still meanwhile, for ten seconds where a name server says nothing.)
 */
import { Resolver } from "node:dns/promises"
import { readFile } from "node:fs/promises"
import { type Address, formatAddress, parseAddress } from "../../core/net/address.ts"

/** Ours: so many are remembered, and asked for at once. */
const NAMES_MOST = 1000
const ASKED_MOST = 10
/** hosts(5), where the C library looks first. */
const HOSTS = "/etc/hosts"

/** See the head of the file. */
export class Names {
    readonly #names = new Map<string, string | null>()
    readonly #resolver = new Resolver()
    #asked = 0

    /** What to call this source now. */
    of(source: Address): string {
        const address = formatAddress(source)
        const name = this.#names.get(address)
        if (name === undefined && this.#asked < ASKED_MOST) void this.#ask(address)
        return name == null ? address : `${address} (${name})`
    }

    /** Gives up what is asked for: a silent name server must not keep us from ending. */
    close(): void {
        this.#resolver.cancel()
    }

    async #ask(address: string): Promise<void> {
        this.#asked++
        if (this.#names.size >= NAMES_MOST) this.#names.clear()
        this.#names.set(address, null)
        try {
            const name = (await inHosts(address)) ?? (await this.#resolver.reverse(address))[0] ?? ""
            // A name is what some other server says: nothing of it may write our log.
            if (/^[\w.-]{1,253}$/.test(name)) this.#names.set(address, name)
        } catch {
            // It has none, or nobody knows.
        } finally {
            this.#asked--
        }
    }
}

/** The first name that this host has for it itself. */
async function inHosts(address: string): Promise<string | null> {
    const text = await readFile(HOSTS, "latin1").catch(() => "")
    for (const line of text.split("\n")) {
        const [first = "", name] = line.replace(/#.*/, "").trim().split(/\s+/)
        const listed = name === undefined ? null : parseAddress(first)
        if (listed !== null && formatAddress(listed) === address) return name ?? null
    }
    return null
}
