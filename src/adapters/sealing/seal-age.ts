/** Files of age, armoured. */
import { Buffer } from "node:buffer"
import { Encrypter } from "age-encryption"
import { formatPadding } from "../../core/one-time/bundle.ts"
import { paddingFor, sizeClass } from "../../core/one-time/size-class.ts"
import { ageSize, beginAge, encodeAge } from "./encode-age.ts"
import { filled } from "./filled.ts"
import { readAll } from "./portable/streams.ts"
import type { Wrapper } from "./stanzas.ts"

const BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----\n"
const END = "-----END AGE ENCRYPTED FILE-----\n"

/** A file that has begun: how long it will be, and the rest of it. */
type Begun = {
    readonly size: (plain: number) => number
    readonly seal: (plain: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** The file of a text with as much padding before it as fills the size class. */
export async function sealAge(text: Uint8Array, wrappers: readonly Wrapper[]): Promise<Uint8Array> {
    const ours = wrappers.flatMap((one) => (typeof one === "string" ? [] : [one]))
    const { size, seal } = ours.length === wrappers.length ? begin(ours) : await beginLibrary(wrappers)
    const sizeOf = (plain: number) => armoured(size(plain))
    const padding = formatPadding(paddingFor(text.length, sizeOf))
    const binary = await seal(Buffer.concat([Buffer.from(padding, "latin1"), text]))
    return filled(armour(binary), sizeClass(sizeOf(text.length)))
}

function begin(wrappers: Parameters<typeof beginAge>[0]): Begun {
    const head = beginAge(wrappers)
    return { size: (plain) => ageSize(head, plain), seal: (plain) => encodeAge(head, plain) }
}

/** As a stream, so that the size is known before the text is there. */
async function beginLibrary(wrappers: readonly Wrapper[]): Promise<Begun> {
    const encrypter = new Encrypter()
    for (const wrapper of wrappers) encrypter.addRecipient(wrapper)
    const source = new TransformStream<Uint8Array, Uint8Array>()
    const stream = await encrypter.encrypt(source.readable)
    return {
        size: (plain) => stream.size(plain),
        async seal(plain) {
            const writer = source.writable.getWriter()
            const [binary] = await Promise.all([readAll(stream), writer.write(plain), writer.close()])
            return binary
        },
    }
}

/** Lines of 64 letters (C2SP age.md, "ASCII armor"). */
function armour(bytes: Uint8Array): string {
    const lines =
        Buffer.from(bytes)
            .toString("base64")
            .match(/.{1,64}/g) ?? []
    return `${BEGIN}${lines.join("\n")}\n${END}`
}

/** How long the armour of so many bytes is. */
function armoured(bytes: number): number {
    return BEGIN.length + Math.ceil(bytes / 3) * 4 + Math.ceil(bytes / 48) + END.length
}
