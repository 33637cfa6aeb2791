/** Makes the key of a device, in a file as `age-keygen` writes it. */
import { dirname } from "node:path"
import { generateIdentity } from "../../adapters/sealing/portable/generate.ts"
import { makeFolder, saveSecret } from "../save.ts"

/** The public key of a file that was written, or what the system said (`EEXIST`: it is there already). */
export type Made = { readonly ok: true; readonly recipient: string } | { readonly ok: false; readonly code: string }

/** Makes a key and writes it durably, for its owner alone. Folders that are missing are made, for him alone, too. */
export async function makeKey(file: string, kind: "age" | "age-pq", now: Date): Promise<Made> {
    const { identity, recipient } = await generateIdentity(kind)
    const text = `# created: ${now.toISOString().slice(0, 19)}Z\n# public key: ${recipient}\n${identity}\n`
    try {
        makeFolder(dirname(file))
        saveSecret(file, text, false)
        return { ok: true, recipient }
    } catch (error) {
        if (!(error instanceof Error && "code" in error)) throw error
        return { ok: false, code: String(error.code) }
    }
}
