import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { verifySignature as everywhere } from "../../../../src/adapters/sealing/portable/verify.ts"
import { verifySignature as onNode } from "../../../../src/adapters/sealing/sign.ts"
import { accept, type Checks } from "../../../../src/core/one-time/accept.ts"
import type { BundleVector } from "../../../../tools/vectors/bundle.ts"

const folder = join(import.meta.dirname, "../../../../vectors/bundle")
const vectors = readdirSync(folder).map((name): readonly [string, BundleVector] => [
    name,
    JSON.parse(readFileSync(join(folder, name), "utf8")),
])
const whole = vectors.find(([name]) => name === "whole.json")![1]
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"))
const sha256 = (some: Uint8Array) => createHash("sha256").update(some).digest()
const checks: Readonly<Record<string, Checks>> = {
    "on Node.js": { verify: onNode, sha256 },
    everywhere: { verify: everywhere, sha256 },
}

/** In the form of a vector. */
function said(
    { text, trust, now }: Pick<BundleVector, "text" | "trust" | "now">,
    with_: Checks,
): BundleVector["expect"] {
    const accepted = accept(bytes(text), trust, now, with_)
    if (!accepted.ok) return { refused: accepted.refused.code }
    const { key, seen } = accepted.trust
    return { serial: accepted.bundle.serial, pinned: key, contents: seen!.contents }
}

describe.each(Object.entries(checks))("accept() with signatures verified %s", (_, with_) => {
    it.each(vectors)("says of vectors/bundle/%s what the vector says", (_name, vector) => {
        expect(said(vector, with_)).toEqual(vector.expect)
    })
})

describe("accept()", () => {
    const node = checks["on Node.js"]!

    it("has a vector for each reason", () => {
        const codes = new Set(vectors.flatMap(([, { expect: to }]) => ("refused" in to ? [to.refused] : [])))
        const all = ["not-a-bundle", "version", "line", "shape", "signature", "gateway", "knocker"]
        expect([...codes].toSorted()).toEqual([...all, "rolled-back", "changed", "expired"].toSorted())
    })

    it("refuses a bundle that was cut at any byte", () => {
        for (let length = 0; length < whole.text.length; length++) {
            expect(said({ ...whole, text: whole.text.slice(0, length) }, node), `${length}`).toHaveProperty("refused")
        }
    })

    it("refuses a bundle with any byte changed", () => {
        const start = whole.text.length
        let refused = 0
        fc.assert(
            fc.property(fc.nat(start - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
                const letter = String.fromCharCode(whole.text.charCodeAt(at) ^ by)
                const text = `${whole.text.slice(0, at)}${letter}${whole.text.slice(at + 1)}`
                expect(said({ ...whole, text }, node)).toHaveProperty("refused")
                refused++
            }),
            { numRuns: 500 },
        )
        expect(refused).toBeGreaterThanOrEqual(500)
    })

    it("never throws, whatever the text and what is remembered", () => {
        const piece = fc.oneof(
            fc.constantFrom(...whole.text.split("\n")),
            fc.string(),
            fc.constantFrom("postern-bundle 1", "signature", "", " ", "key A", "serial 9999999999999999"),
        )
        const key = fc.oneof(fc.constant(whole.trust.key), fc.string())
        const property = fc.property(fc.array(piece), key, (pieces, pinned) => {
            said({ text: pieces.join("\n"), trust: { ...whole.trust, key: pinned }, now: 0 }, node)
        })
        fc.assert(property, { numRuns: 500 })
    })
})
