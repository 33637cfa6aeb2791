/** Files of age, armoured. */
import { armor, Encrypter } from "age-encryption"
import { formatPadding } from "../../core/one-time/bundle.ts"
import { paddingFor, sizeClass } from "../../core/one-time/size-class.ts"
import { filled } from "./filled.ts"
import { readAll } from "./portable/streams.ts"
import type { Wrapper } from "./stanzas.ts"

const BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----\n"
const END = "-----END AGE ENCRYPTED FILE-----\n"

/** The file of a text with as much padding before it as fills the size class. */
export async function sealAge(text: Uint8Array, wrappers: readonly Wrapper[]): Promise<Uint8Array> {
    const encrypter = new Encrypter()
    for (const wrapper of wrappers) encrypter.addRecipient(wrapper)
    // As a stream, so that the size is known before the text is there.
    const source = new TransformStream<Uint8Array, Uint8Array>()
    const stream = await encrypter.encrypt(source.readable)
    const sizeOf = (plain: number) => armoured(stream.size(plain))
    const padding = formatPadding(paddingFor(text.length, sizeOf))
    const writer = source.writable.getWriter()
    const [binary] = await Promise.all([
        readAll(stream),
        writer.write(new TextEncoder().encode(padding)),
        writer.write(text),
        writer.close(),
    ])
    return filled(armor.encode(binary), sizeClass(sizeOf(text.length)))
}

/** How long the armour of so many bytes is: lines of 64 characters. */
function armoured(bytes: number): number {
    return BEGIN.length + Math.ceil(bytes / 3) * 4 + Math.ceil(bytes / 48) + END.length
}
