/** A gateway that publishes: the real spool, sealing and targets, and a desk that is told what to say. */

import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armor, Decrypter, generateIdentity, identityToRecipient } from "age-encryption"
import { sealer } from "../../src/adapters/sealing/seal.ts"
import { DIGESTS } from "../../src/adapters/system/digests.ts"
import type { Effect } from "../../src/adapters/system/durable.ts"
import { directoryTarget } from "../../src/adapters/targets/directory.ts"
import type { Bundles } from "../../src/core/config/config.ts"
import { parseHit } from "../../src/core/knock/language.ts"
import type { BundleDoor } from "../../src/core/one-time/bundle.ts"
import type { Desk } from "../../src/core/one-time/desk.ts"
import { firstKeys, type GatewayKeys } from "../../src/core/one-time/gateway-keys.ts"
import type { Knocker } from "../../src/core/one-time/knocker.ts"
import { fileNameOf, placeOf } from "../../src/core/one-time/place.ts"
import { parseRecipient } from "../../src/core/one-time/recipient.ts"
import { pressOf } from "../../src/daemon/one-time/press.ts"
import { Publisher, type PublisherKeeping } from "../../src/daemon/one-time/publisher.ts"
import { Spool } from "../../src/daemon/one-time/spool.ts"
import type { Target } from "../../src/ports/target.ts"

/** The keys of all gateways here. */
export const KEYS: GatewayKeys = firstKeys(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), 0)

/** A desk whose knockers and counters are set by hand. */
export class PlainDesk implements Desk {
    readonly people = new Map<string, Knocker>()
    readonly next = new Map<string, number>()
    waits: string | null = null
    #changed: (knockers: readonly string[] | null) => void = () => {}

    /** Adds somebody with this age recipient. */
    add(name: string, recipient: string): void {
        this.addKeys(name, [recipient])
    }

    /** The same, with several. */
    addKeys(name: string, keys: readonly string[]): void {
        const recipients = keys.map((key) => {
            const read = parseRecipient(key)
            if (!read.ok || read.found !== "key") throw new Error(`no key: ${key}`)
            return read.value
        })
        this.people.set(name, { name, recipients, doors: null, generation: 0, comment: "" })
    }

    /** Their next sequence is used. */
    use(name: string): void {
        this.next.set(name, (this.next.get(name) ?? 0) + 1)
        this.#changed([name])
    }

    waitsFor(): string | null {
        return this.waits
    }

    knockers(): readonly Knocker[] {
        return [...this.people.values()]
    }

    knocker(name: string): Knocker | null {
        return this.people.get(name) ?? null
    }

    upcoming(name: string): readonly BundleDoor[] {
        if (this.waits !== null) return []
        const from = this.next.get(name) ?? 0
        const sequences = Array.from({ length: 10 }, (_, i) => ({ counter: from + i, hits: hitsOf(name, from + i) }))
        return [{ name: "ssh", opens: [{ protocol: "tcp", port: 22 }], within: 15_000, sequences }]
    }

    standing(name: string) {
        return [{ door: "ssh", next: this.next.get(name) ?? 0, used: null }]
    }

    hear(changed: (knockers: readonly string[] | null) => void): void {
        this.#changed = changed
    }
}

function hitsOf(name: string, counter: number) {
    const bytes = createHash("sha256").update(`${name} ${counter}`).digest()
    return [0, 2, 4, 6].map((at) => {
        const read = parseHit(String(10_100 + (bytes.readUInt16BE(at) % 20_000)))
        if (!read.ok) throw new Error("no hit")
        return read.value
    })
}

/** A person with a key, who can read what is published. */
export type Reader = { readonly name: string; readonly identity: string; readonly recipient: string }

/** Somebody new. */
export async function reader(name: string): Promise<Reader> {
    const identity = await generateIdentity()
    return { name, identity, recipient: await identityToRecipient(identity) }
}

/** A folder with `state` and `www`. */
export function gatewayFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "postern-publish-"))
    for (const name of ["state", "www"]) mkdirSync(join(folder, name), { mode: 0o700 })
    return folder
}

/** What it publishes with, where a test says nothing else. */
export type GatewayOptions = {
    readonly folder: string
    readonly desk: Desk
    readonly files?: number
    readonly publish?: Bundles["publish"]
    readonly target?: (target: Bundles["publish"][number]) => Target
    readonly effect?: Effect
    readonly more?: Partial<PublisherKeeping>
}

/** The publisher, and the lines of its log. */
export function gateway({ folder, desk, files = 0, effect, ...options }: GatewayOptions) {
    const lines: string[] = []
    const { publish = [{ kind: "directory", directory: join(folder, "www") }] } = options
    const inFolder = (target: Bundles["publish"][number]) => {
        if (target.kind !== "directory") throw new Error("give a target of its own")
        return directoryTarget(target.directory, effect)
    }
    const bundles: Bundles = {
        users: "users.d",
        gateway: "gw.example.org",
        url: "",
        lifetime: 30 * 86_400_000,
        every: 86_400_000,
        files,
        publish,
    }
    const publisher = new Publisher({
        desk,
        bundles: () => bundles,
        keys: () => Promise.resolve(KEYS),
        press: pressOf(sealer, effect),
        spool: new Spool(join(folder, "state"), effect),
        target: options.target ?? inFolder,
        wall: () => Date.now(),
        log: (level, line) => lines.push(`${level}: ${line}`),
        again: 20,
        ...options.more,
    })
    return { publisher, lines, bundles }
}

/** The bundle of somebody in this web root, as text. */
export async function bundleIn(root: string, { name, identity }: Reader): Promise<string> {
    const file = fileNameOf(DIGESTS, placeOf(DIGESTS, KEYS.place, name), "age")
    return decrypted(readFileSync(join(root, file), "utf8"), identity)
}

/** What is in a file. */
export async function decrypted(file: string, identity: string): Promise<string> {
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    return decrypter.decrypt(armor.decode(file.trimEnd()), "text")
}

/** What an observer of a web root sees: all but the contents. */
export function seen(root: string) {
    return readdirSync(root)
        .sort()
        .map((name) => {
            const { size, mtimeMs, mode } = statSync(join(root, name))
            return { name, size, changed: mtimeMs, mode: mode & 0o777, text: readFileSync(join(root, name), "latin1") }
        })
}
