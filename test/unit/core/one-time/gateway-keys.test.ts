import { createHash } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
    firstKeys,
    formatKeys,
    type GatewayKeys,
    parseKeys,
    rotateKeys,
    SIGNING_MOST,
    signingAt,
} from "../../../../src/core/one-time/gateway-keys.ts"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest()
const bytes = (n: number) => new Uint8Array(32).fill(n)
const DAY = 86_400_000
const NOW = Date.UTC(2026, 4, 1, 12, 0, 0, 500)

const seeds = (keys: GatewayKeys, now: number) => signingAt(keys, now).map(({ seed }) => seed[0])

describe("formatKeys() and parseKeys()", () => {
    it("keep everything, however often the key was changed", () => {
        let rotated = 0
        fc.assert(
            fc.property(
                fc.uint8Array({ minLength: 32, maxLength: 32 }),
                fc.array(fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(40 * DAY)), { maxLength: 6 }),
                (place, turns) => {
                    let keys = firstKeys(place, bytes(0), NOW)
                    let now = NOW
                    for (const [seed, later] of turns) {
                        now += later
                        keys = rotateKeys(keys, seed, now, 30 * DAY)
                    }
                    rotated += keys.signing.length - 1
                    expect(parseKeys(formatKeys(keys, sha256), sha256)).toEqual({ ok: true, keys })
                },
            ),
        )
        expect(rotated).toBeGreaterThan(50)
    })

    it("refuse whatever was changed, cut or added, each byte of it", () => {
        const keys = rotateKeys(firstKeys(bytes(1), bytes(2), NOW), bytes(3), NOW + DAY, 30 * DAY)
        const text = formatKeys(keys, sha256)
        for (let at = 0; at < text.length; at++) {
            expect(parseKeys(text.slice(0, at), sha256).ok, `cut at ${at}`).toBe(false)
            const other = text[at] === "1" ? "2" : "1"
            expect(parseKeys(`${text.slice(0, at)}${other}${text.slice(at + 1)}`, sha256).ok, `at ${at}`).toBe(false)
        }
        for (const other of [`${text}\n`, `${text}sign\n`, text.replaceAll("\n", "\r\n")])
            expect(parseKeys(other, sha256)).toMatchObject({ ok: false })
    })

    it("tell a later version from something else", () => {
        expect(parseKeys("postern-gateway-keys 2\n", sha256)).toEqual({ ok: false, code: "version" })
        for (const other of ["", "\n", "x"]) expect(parseKeys(other, sha256)).toEqual({ ok: false, code: "not-keys" })
    })
})

describe("rotateKeys()", () => {
    it("has the old key sign beside the new one until its time is over", () => {
        const keys = rotateKeys(firstKeys(bytes(1), bytes(2), NOW), bytes(3), NOW, 30 * DAY)
        expect(seeds(keys, NOW)).toEqual([3, 2])
        expect(seeds(keys, NOW + 30 * DAY - 1000)).toEqual([3, 2])
        expect(seeds(keys, NOW + 30 * DAY)).toEqual([3])
        expect(keys.place).toEqual(bytes(1))
    })

    it("gives no key more time when it is replaced again, and forgets those whose time is over", () => {
        const first = rotateKeys(firstKeys(bytes(1), bytes(2), NOW), bytes(3), NOW, 30 * DAY)
        const second = rotateKeys(first, bytes(4), NOW + 20 * DAY, 30 * DAY)
        expect(seeds(second, NOW + 20 * DAY)).toEqual([4, 3, 2])
        expect(seeds(second, NOW + 31 * DAY)).toEqual([4, 3])
        expect(rotateKeys(second, bytes(5), NOW + 99 * DAY, DAY).signing).toHaveLength(2)
    })

    it("signs at once, without grace, with the new key alone", () => {
        const keys = rotateKeys(firstKeys(bytes(1), bytes(2), NOW), bytes(3), NOW, 0)
        expect(seeds(keys, NOW)).toEqual([3])
    })

    it("never has more keys sign than there may be", () => {
        let keys = firstKeys(bytes(1), bytes(2), NOW)
        for (let n = 0; n < 10; n++) keys = rotateKeys(keys, bytes(n), NOW, 30 * DAY)
        expect(seeds(keys, NOW)).toEqual([9, 8, 7, 6])
        expect(SIGNING_MOST).toBe(4)
    })

    it("signs with the key of now even when the clock is wrong", () => {
        expect(seeds(firstKeys(bytes(1), bytes(2), NOW), 0)).toEqual([2])
    })
})
