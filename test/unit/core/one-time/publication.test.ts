import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DIGESTS } from "../../../../src/adapters/system/digests.ts"
import { PLACE } from "../../../../src/core/one-time/place.ts"
import { bundleOf, nextChanged, nextSerial, planFiles, readersOf } from "../../../../src/core/one-time/publication.ts"
import type { RecipientKind } from "../../../../src/core/one-time/recipient.ts"

const KEY = new Uint8Array(32).fill(7)
const knocker = (name: string, ...kinds: RecipientKind[]) => ({
    name,
    recipients: kinds.map((kind, index) => ({ kind, line: `${kind} ${index}`, text: "", comment: "" })),
})

/** All at once. */
const plan = (...words: Parameters<typeof planFiles>) => {
    const steps = planFiles(...words)
    for (;;) {
        const step = steps.next()
        if (step.done === true) return step.value
    }
}

const nameOf = (...people: string[]) =>
    plan(
        DIGESTS,
        KEY,
        people.map((name) => knocker(name, "age")),
        9,
    ).find((file) => file.for === "anna")?.name

describe("planFiles()", () => {
    it("plans a file for each kind of a knocker's keys, with the keys that can read it", () => {
        const anna = knocker("anna", "age", "openpgp", "ssh-rsa", "age-pq")
        const files = plan(DIGESTS, KEY, [anna], 0)
        const kinds = files.map(({ kind }) => [kind, readersOf(anna.recipients, kind).map((one) => one.kind)])
        expect(files.map((file) => file.for)).toEqual(["anna", "anna", "anna"])
        expect(new Set(kinds)).toEqual(
            new Set([
                ["age", ["age", "ssh-rsa"]],
                ["age-pq", ["age-pq"]],
                ["openpgp", ["openpgp"]],
            ]),
        )
    })

    it("orders them by their names, which differ, and fills up to the number that is wanted", () => {
        let dummies = 0
        const people = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { maxLength: 20 })
        fc.assert(
            fc.property(people, fc.nat(30), (names, least) => {
                const files = plan(
                    DIGESTS,
                    KEY,
                    names.map((name) => knocker(name, "age")),
                    least,
                )
                expect(files).toHaveLength(Math.max(names.length, least))
                const listed = files.map(({ name }) => name)
                expect(listed).toEqual([...new Set(listed)].sort())
                for (const { name, kind } of files) expect([PLACE.test(name), kind]).toEqual([true, "age"])
                dummies += files.filter((file) => file.for === null).length
            }),
        )
        expect(dummies).toBeGreaterThan(0)
    })

    it("keeps the name of a file whatever becomes of others", () => {
        expect(nameOf("anna")).toBe(nameOf("bob", "anna", "carol"))
    })
})

describe("nextSerial() and nextChanged()", () => {
    it("grow with the clock, without it and against it", () => {
        expect(nextSerial(null, 5_999)).toBe(5)
        expect(nextSerial(5, 5_999)).toBe(6)
        expect(nextSerial(1000, 5_999)).toBe(1001)
        expect(nextChanged(null, 5_999)).toBe(5000)
        expect(nextChanged(5000, 5_999)).toBe(6000)
        expect(nextChanged(9000, 5_999)).toBe(10_000)
        expect(nextChanged(9_000_000_000, 5_999)).toBe(5000)
    })
})

describe("bundleOf()", () => {
    it("is good from when it was made for the lifetime, in whole seconds", () => {
        const edition = { gateway: "gw", serial: 7, made: 60_000, lifetime: 90_500, keys: ["k"] }
        expect(bundleOf(edition, "anna", [])).toEqual({
            gateway: "gw",
            knocker: "anna",
            serial: 7,
            made: 60_000,
            until: 150_000,
            keys: ["k"],
            doors: [],
        })
    })
})
