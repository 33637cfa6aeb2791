/** Files of age, armoured. */
import { armor, Encrypter } from "age-encryption"
import { formatPadding } from "../../core/one-time/bundle.ts"
import type { Recipient } from "../../core/one-time/recipient.ts"
import { paddingFor, sizeClass } from "../../core/one-time/size-class.ts"
import { filled } from "./filled.ts"
import { wrapperOf } from "./stanzas.ts"

const BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----\n"
const END = "-----END AGE ENCRYPTED FILE-----\n"

/** The file of a text with as much padding before it as fills the size class. */
export async function sealAge(text: Uint8Array, recipients: readonly Recipient[]): Promise<Uint8Array> {
    const encrypter = new Encrypter()
    for (const recipient of recipients) encrypter.addRecipient(wrapperOf(recipient))
    // As a stream, so that the size is known before the text is there.
    const source = new TransformStream<Uint8Array, Uint8Array>()
    const stream = await encrypter.encrypt(source.readable)
    const sizeOf = (plain: number) => armoured(stream.size(plain))
    const padding = formatPadding(paddingFor(text.length, sizeOf))
    const writer = source.writable.getWriter()
    const [binary] = await Promise.all([
        read(stream),
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

async function read(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    for await (const part of stream) parts.push(part)
    return Buffer.concat(parts)
}
