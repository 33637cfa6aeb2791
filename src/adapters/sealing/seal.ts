/** Encrypts bundles to whatever keys a knocker has (spec/bundle.md, sections 4 and 5). */
import { setImmediate } from "node:timers/promises"
import type { Key } from "openpgp"
import { fileKindOf, MAX_RECIPIENTS, type Recipient } from "../../core/one-time/recipient.ts"
import type { Sealed, Sealer } from "../../ports/sealing.ts"
import { nameOf, readValidKey } from "./portable/certificate.ts"
import { sealAge } from "./seal-age.ts"
import { sealOpenPgp } from "./seal-openpgp.ts"
import { triedWrapperOf, wrapperOf } from "./stanzas.ts"

/** Of a key that is no point of its curve. */
const NOBODYS = "nobody can have this key: it is damaged"

/** The real one. */
export const sealer: Sealer = {
    async seal(text, kind, recipients, now) {
        if (recipients.length === 0 || recipients.some((one) => fileKindOf(one.kind) !== kind)) {
            throw new RangeError(`not all of them read files of the kind ${kind}`)
        }
        const over = recipients[MAX_RECIPIENTS]
        if (over !== undefined) return refused(over, `more than ${MAX_RECIPIENTS} keys in one file`)
        // A file takes milliseconds, and a gateway with many knockers makes many: others have their turn in between.
        await setImmediate()
        return kind === "openpgp" ? forCertificates(text, recipients, now) : forAge(text, recipients)
    },
}

/**
 * What is wrong with a key that reads well, as a sentence; null: nothing. Certificates are looked into elsewhere
 * (`certificate.ts`).
 */
export async function recipientFault(recipient: Recipient): Promise<string | null> {
    if (recipient.kind === "openpgp") return null
    const wrapper = triedWrapperOf(recipient)
    if (wrapper === null) return NOBODYS
    if (typeof wrapper !== "string") return null
    // The library's own are tried by making a file.
    return (await sealAge(new Uint8Array(1), [wrapper]).catch(() => null)) === null ? NOBODYS : null
}

async function forAge(text: Uint8Array, recipients: readonly Recipient[]): Promise<Sealed> {
    try {
        return { ok: true, file: await sealAge(text, recipients.map(wrapperOf)) }
    } catch (error) {
        for (const recipient of recipients) {
            const fault = await recipientFault(recipient)
            if (fault !== null) return refused(recipient, fault)
        }
        throw error
    }
}

async function forCertificates(text: Uint8Array, recipients: readonly Recipient[], now: number): Promise<Sealed> {
    const keys: Key[] = []
    for (const recipient of recipients) {
        const read = await readValidKey(recipient.text, now)
        if (!read.ok) return refused(recipient, read.detail)
        keys.push(read.key)
    }
    try {
        return { ok: true, file: await sealOpenPgp(text, keys, now) }
    } catch (error) {
        for (const [index, key] of keys.entries()) {
            const alone = await sealOpenPgp(new Uint8Array(1), [key], now).catch(() => null)
            if (alone === null) return refused(recipients[index]!, `nothing can be encrypted to ${nameOf(key)}`)
        }
        throw error
    }
}

function refused({ line }: Recipient, detail: string): Sealed {
    return { ok: false, line, detail }
}
