/**
 * The press: signs bundles, seals them and writes the files, many at a time. In the daemon a thread works it
 * (press-thread.ts), so its calls of the file system need not wait for their turn.
 */
import { Buffer } from "node:buffer"
import { type SigningKey, signBundle } from "../../adapters/sealing/sign.ts"
import { type Effect, writeHalf } from "../../adapters/system/durable.ts"
import { formatSigned } from "../../core/one-time/bundle.ts"
import type { FileKind, Recipient } from "../../core/one-time/recipient.ts"
import type { Sealer } from "../../ports/sealing.ts"

/** A file to make. */
export type Sheet = {
    /** What it will be called in its place. */
    readonly name: string
    readonly kind: FileKind
    /** A bundle without its signatures; or, where nobody can read it, any text as long. */
    readonly text: string
    readonly recipients: readonly Recipient[]
}

/** Some files of one publication. Times are milliseconds since 1970. */
export type PressJob = {
    readonly sheets: readonly Sheet[]
    /** Each of them signs, the first one first. */
    readonly signing: readonly SigningKey[]
    /** Where the files wait for their places. */
    readonly folder: string
    /** When they were changed, as they shall say. */
    readonly changed: number
    readonly now: number
}

/** What became of a sheet. `refused`: keys that cannot receive; `half`: the path of the file, null if no key can. */
export type Pressed = {
    readonly name: string
    readonly half: string | null
    readonly refused: readonly { readonly line: string; readonly detail: string }[]
}

/** Makes the files of a job. What it throws is in the way of all others, too. */
export type Press = (job: PressJob) => Promise<readonly Pressed[]>

/** The rights of what is published. */
const MODE = 0o644

/** A press that works where it is called. */
export function pressOf(sealer: Sealer, effect?: Effect): Press {
    return async ({ sheets, signing, folder, changed, now }) => {
        const made: Pressed[] = []
        for (const { name, kind, text, recipients } of sheets) {
            const signatures = signing.map((key) => base64(signBundle(key, text)))
            const whole = Buffer.from(formatSigned({ signed: text, signatures }), "latin1")
            const { file, refused } = await sealFor(sealer, whole, kind, recipients, now)
            const options = { mode: MODE, changed, ...(effect && { effect }) }
            made.push({ name, refused, half: file && writeHalf(folder, file, options) })
        }
        return made
    }
}

/** As text (RFC 4648). */
export function base64(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64")
}

/** The file for those of them who can receive; null: none can. */
async function sealFor(
    sealer: Sealer,
    text: Uint8Array,
    kind: FileKind,
    recipients: readonly Recipient[],
    now: number,
): Promise<{ readonly file: Uint8Array | null; readonly refused: Pressed["refused"] }> {
    const refused: { line: string; detail: string }[] = []
    let rest = recipients
    while (rest.length > 0) {
        const sealed = await sealer.seal(text, kind, rest, now)
        if (sealed.ok) return { file: sealed.file, refused }
        const { line, detail } = sealed
        refused.push({ line, detail })
        const others = rest.filter((one) => one.line !== line)
        // Otherwise it would never end.
        if (others.length === rest.length) throw new Error(detail)
        rest = others
    }
    return { file: null, refused }
}
