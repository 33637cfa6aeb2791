/**
 * Where bundles are (spec/bundle.md, section 5), by a second, plain implementation of that page: base32 by way of a
 * string of bits.
 */
import { createHash, createHmac } from "node:crypto"

/** What one vector holds. Bytes are in hexadecimal. */
export type PlaceVector = {
    readonly spec: string
    readonly placeKey: string
    readonly name: string
    readonly place: string
    /** The name of the file of each kind. */
    readonly files: { readonly age: string; readonly "age-pq": string; readonly openpgp: string }
}

const KEY = createHash("sha256").update("postern place vectors").digest()

const cases: Readonly<Record<string, { readonly name: string; readonly key: Buffer }>> = {
    short: { name: "x", key: KEY },
    person: { name: "anna", key: KEY },
    "other-letters": { name: "Anna", key: KEY },
    device: { name: "anna.laptop-2_b", key: KEY },
    longest: { name: "n".repeat(64), key: KEY },
    "another-gateway": { name: "anna", key: createHash("sha256").update(KEY).digest() },
}

/** Path below `vectors/` to contents. */
export const placeVectors: Readonly<Record<string, PlaceVector>> = Object.fromEntries(
    Object.entries(cases).map(([title, { name, key }]) => {
        const place = H(key, "postern bundle place", name)
        const file = (kind: string) => base32(H(place, "postern bundle name", kind))
        const files = { age: file("age"), "age-pq": file("age-pq"), openpgp: file("openpgp") }
        const vector = { spec: "spec/bundle.md", placeKey: key.toString("hex"), name, place: base32(place), files }
        return [`places/${title}.json`, vector]
    }),
)

function H(key: Buffer, text: string, rest: string): Buffer {
    return createHmac("sha256", key).update(`${text}\0${rest}`, "latin1").digest().subarray(0, 20)
}

function base32(bytes: Buffer): string {
    const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("")
    const letters = bits.match(/.{5}/g) ?? []
    return letters.map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five, 2)]).join("")
}
