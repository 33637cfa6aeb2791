/** The gateway's keys in its state directory (spec/gateway-keys.md). */
import { createHash } from "node:crypto"
import { statSync } from "node:fs"
import { join } from "node:path"
import { formatKeys, type GatewayKeys, type KeysRefusal, parseKeys } from "../../core/one-time/gateway-keys.ts"
import { type Effect, writeWhole } from "../system/durable.ts"
import { readTextFile } from "../system/text-file.ts"

/** What the file is called. */
export const KEYS_FILE = "gateway.keys"

/** Ours: far more than such a file has (bytes). */
const MOST = 4096

/** The keys, or why there are none: `missing`: none were made here yet. `detail`: a sentence. */
export type KeysFound =
    | { readonly ok: true; readonly keys: GatewayKeys }
    | { readonly ok: false; readonly why: "missing" | "unusable"; readonly detail: string }

const REFUSALS: Readonly<Record<KeysRefusal, string>> = {
    "not-keys": "it holds no gateway keys: put the backup in its place",
    version: "a later version of postern has written it: install that version",
    damaged: "it is damaged: put the backup in its place",
}

/**
 * Reads the keys of a gateway. Nothing throws. Those of another user's state are refused, as the rest of it is: what root
 * writes there in a trial the service could not read any more.
 */
export function readKeys(directory: string): KeysFound {
    const uid = statSync(directory, { throwIfNoEntry: false })?.uid ?? 0
    if (uid !== 0 && uid !== process.geteuid?.())
        return { ok: false, why: "unusable", detail: `${directory} belongs to another user: run as that one` }
    const file = join(directory, KEYS_FILE)
    const { text, mode = 0 } = readTextFile(file, MOST)
    const unusable = (what: string): KeysFound => ({ ok: false, why: "unusable", detail: `${file}: ${what}` })
    if (typeof text !== "string") {
        if (text.trouble === "missing") return { ok: false, why: "missing", detail: `${file} is not there` }
        if (text.trouble === "permission")
            return unusable("no permission to read it: chown it to the user whom the daemon runs as")
        return unusable(`cannot be read (${text.detail === "" ? text.trouble : text.detail})`)
    }
    if ((mode & 0o077) !== 0) return unusable("others can read it, and could sign in the gateway's name: chmod 600")
    const read = parseKeys(text, sha256)
    return read.ok ? read : unusable(REFUSALS[read.code])
}

/** Writes the keys, durably, in the place of what is there. Throws what node:fs throws. */
export async function writeKeys(directory: string, keys: GatewayKeys, effect?: Effect): Promise<void> {
    const bytes = Buffer.from(formatKeys(keys, sha256), "latin1")
    await writeWhole(directory, KEYS_FILE, bytes, { mode: 0o600, ...(effect && { effect }) })
}

function sha256(bytes: Uint8Array): Uint8Array {
    return createHash("sha256").update(bytes).digest()
}
