/** What decrypts the bundles of a profile: its private keys, or the user's own programs. */
import { closeSync, fstatSync, openSync } from "node:fs"
import type { Identity, IdentityRead, IdentityRefusal } from "../../adapters/sealing/portable/identity.ts"
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import type { FileKind } from "../../core/one-time/recipient.ts"
import type { Unsealer } from "../../ports/sealing.ts"
import { printable } from "../../voice/printable.ts"
import { errorCode } from "../knock/errors.ts"
import { readSome } from "../read-some.ts"
import { expanded } from "./folders.ts"
import { askPassphrase, type Unasked } from "./passphrase.ts"

/** Ready to decrypt. */
export type Reading = {
    /** The files that may be for these keys. */
    readonly kinds: readonly FileKind[]
    readonly unsealer: Unsealer
    /** The keys themselves; none where programs have them. */
    readonly identities: readonly Identity[]
}

/** Why a file of keys cannot be used. */
export type ReadingTrouble =
    | { readonly trouble: "unreadable"; readonly file: string; readonly detail: string }
    | { readonly trouble: "too-open"; readonly file: string }
    | { readonly trouble: "key"; readonly file: string; readonly refused: IdentityRefusal }
    | { readonly trouble: "unasked"; readonly file: string; readonly why: Unasked["unasked"] }

type Env = Readonly<Record<string, string | undefined>>

/** Somebody may have to find a smartcard, or to type a long passphrase; in milliseconds. */
const PROGRAM_TIMEOUT = 120_000
/** So often a passphrase is asked for, as ssh does. */
const ASKS = 3

/** Opens the keys. Asks for passphrases where they have some. */
export async function openReading(
    { identities: paths, decryptWith }: Pick<ProfileBundle, "identities" | "decryptWith">,
    env: Env,
    interrupted: AbortSignal,
): Promise<Reading | ReadingTrouble> {
    const files = paths.map((path) => expanded(env, path))
    if (decryptWith !== "postern") {
        const { ageUnsealer, gpgUnsealer } = await import("../../adapters/sealing/programs.ts")
        const options = { env, timeout: PROGRAM_TIMEOUT, told, interrupted }
        if (decryptWith === "gpg") return { kinds: ["openpgp"], unsealer: gpgUnsealer("gpg", options), identities: [] }
        // An identity may be behind a passphrase or a plug-in: age knows what it is for, and a server what there is.
        const unsealer = anyOf(files.map((file) => ageUnsealer("age", file, options)))
        return { kinds: ["age", "age-pq"], unsealer, identities: [] }
    }
    const { fileKinds, readIdentities, unsealerOf } = await import("../../adapters/sealing/portable/identity.ts")
    const identities: Identity[] = []
    for (const file of files) {
        const text = readKey(file)
        if ("trouble" in text) return text
        let read: IdentityRead = await readIdentities(text, null)
        for (let n = 0; n < ASKS && !read.ok && read.code.startsWith("passphrase-"); n++) {
            const asked = await askPassphrase(`Passphrase of ${file}`, env)
            if ("unasked" in asked) return { trouble: "unasked", file, why: asked.unasked }
            read = await readIdentities(text, asked.said)
        }
        if (!read.ok) return { trouble: "key", file, refused: read.code }
        identities.push(...read.identities)
    }
    return { kinds: fileKinds(identities), unsealer: unsealerOf(identities), identities }
}

function told(said: string): void {
    process.stderr.write(printable(said))
}

/** What the first says, and the next where it is not for that one. */
function anyOf(unsealers: readonly Unsealer[]): Unsealer {
    return {
        async unseal(file) {
            for (const unsealer of unsealers.slice(0, -1)) {
                const opened = await unsealer.unseal(file)
                if (opened.ok || opened.code !== "not-for-us") return opened
            }
            return unsealers.at(-1)!.unseal(file)
        },
    }
}

/** Ours: no file of keys is larger; the rest of it is not read. */
const MAX_KEY = 1024 * 1024

/** How public keys begin. */
const PUBLIC = /^\s*(age1[a-z0-9]|ssh-|ecdsa-|sk-|-----BEGIN PGP PUBLIC KEY)/
const MAX_HEAD = 100

/** The bytes of a file that its owner alone can read: the one that was looked at is the one that is read. */
export function readKey(file: string): Uint8Array | ReadingTrouble {
    let fd: number | undefined
    try {
        fd = openSync(file, "r")
        const { mode } = fstatSync(fd)
        const bytes = readSome(fd, MAX_KEY)
        if (bytes === null) return { trouble: "key", file, refused: "too-long" }
        if ((mode & 0o170000) !== 0o100000 || (mode & 0o077) === 0) return bytes
        // Everybody may read a public key: that it is the wrong one matters more.
        const isPublic = PUBLIC.test(Buffer.from(bytes.subarray(0, MAX_HEAD)).toString("latin1"))
        return isPublic ? { trouble: "key", file, refused: "public" } : { trouble: "too-open", file }
    } catch (error) {
        return { trouble: "unreadable", file, detail: errorCode(error) }
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}
