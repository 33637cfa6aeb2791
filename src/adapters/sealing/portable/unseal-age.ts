/** Files of age, read with identities of age's own kinds or of SSH. */
import { armor, Decrypter, type Identity as Unwrapper } from "age-encryption"
import { MAX_RECIPIENTS } from "../../../core/one-time/recipient.ts"
import type { Unsealed } from "../../../ports/sealing.ts"
import { readAll, streamOf } from "./streams.ts"

/** The armour of age. */
export const AGE_ARMOUR = "-----BEGIN AGE ENCRYPTED FILE-----"

/** Opens nothing, and throws where there are more stanzas than anybody would try: each costs milliseconds, or tens. */
const few: Unwrapper = {
    unwrapFileKey(stanzas) {
        if (stanzas.length > MAX_RECIPIENTS) throw new Error("too many recipients")
        return null
    },
}

/** One that opens no stanza, and notes that it was asked: all before it could not open any either. */
function last(): Unwrapper & { asked: boolean } {
    return {
        asked: false,
        unwrapFileKey() {
            this.asked = true
            return null
        },
    }
}

/** Reads an armoured file with any of the identities: texts of age's own, or SSH keys (`ssh-unwrappers.ts`). */
export async function unsealAge(file: string, identities: readonly (string | Unwrapper)[]): Promise<Unsealed> {
    const decrypter = new Decrypter()
    decrypter.addIdentity(few)
    for (const identity of identities) decrypter.addIdentity(identity)
    return unsealWith(decrypter, () => armor.decode(file))
}

/** Reads a file that is encrypted to a passphrase alone, as age's encrypted identity files are; armoured or not. */
export async function unsealPassphrase(file: Uint8Array, passphrase: string): Promise<Unsealed> {
    const decrypter = new Decrypter()
    decrypter.addPassphrase(passphrase)
    return unsealWith(decrypter, () => (isArmoured(file) ? armor.decode(new TextDecoder().decode(file)) : file))
}

function isArmoured(file: Uint8Array): boolean {
    return new TextDecoder().decode(file.subarray(0, 1024)).trimStart().startsWith(AGE_ARMOUR)
}

/** What the library throws is damage, unless it has asked everybody. */
async function unsealWith(decrypter: Decrypter, binary: () => Uint8Array): Promise<Unsealed> {
    const nobody = last()
    decrypter.addIdentity(nobody)
    try {
        return { ok: true, text: await readAll(await decrypter.decrypt(streamOf(binary()))) }
    } catch {
        return nobody.asked
            ? { ok: false, code: "not-for-us", detail: "it is not encrypted to this key" }
            : { ok: false, code: "damaged", detail: "it is damaged, or was changed by somebody" }
    }
}
