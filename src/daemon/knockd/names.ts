/**
 * Names of sources, for people. Nobody waits for one: a source that this host has no name for itself is called by its
 * address until a name server has answered, and by both from then on. (knockd stands still meanwhile, for ten seconds
 * where a name server says nothing.)
 */
import { Resolver } from "node:dns/promises"
import { readFileSync, statSync } from "node:fs"
import { type Address, formatAddress, parseAddress } from "../../core/net/address.ts"

/** Ours: so many are remembered, and asked for at once. */
const NAMES_MOST = 1000
const ASKED_MOST = 10
/** hosts(5), where the C library looks first. */
const HOSTS = "/etc/hosts"

/** See the head of the file. */
export class Names {
    /** What name servers say; null: nothing, or not yet. */
    readonly #names = new Map<string, string | null>()
    readonly #hosts = new Hosts()
    readonly #resolver = new Resolver()
    #asked = 0

    /** What to call this source now. */
    of(source: Address): string {
        const address = formatAddress(source)
        const name = this.#hosts.name(address) ?? this.#names.get(address)
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
            const [name = ""] = await this.#resolver.reverse(address)
            if (isPlain(name)) this.#names.set(address, name)
        } catch {
            // It has none, or nobody knows.
        } finally {
            this.#asked--
        }
    }
}

/** The file of names that a host keeps itself, as it is now. */
class Hosts {
    #names: ReadonlyMap<string, string> = new Map()
    #changed = 0

    name(address: string): string | undefined {
        const changed = statSync(HOSTS, { throwIfNoEntry: false })?.mtimeMs ?? 0
        if (changed !== this.#changed) {
            this.#changed = changed
            this.#names = changed === 0 ? new Map() : read()
        }
        return this.#names.get(address)
    }
}

/** The first name that each address has. */
function read(): Map<string, string> {
    const names = new Map<string, string>()
    for (const line of text().split("\n")) {
        const [first = "", name = ""] = line.replace(/#.*/, "").trim().split(/\s+/)
        const address = isPlain(name) ? parseAddress(first) : null
        if (address !== null && !names.has(formatAddress(address))) names.set(formatAddress(address), name)
    }
    return names
}

function text(): string {
    try {
        return readFileSync(HOSTS, "latin1")
    } catch {
        return ""
    }
}

/** What some other server says must not write our log. */
function isPlain(name: string): boolean {
    return /^[\w.-]{1,253}$/.test(name)
}
