import { describe, expect, it } from "vitest"
import { Names } from "../../../src/web/names.ts"

const NAME = "abcdefghijklmnopqrstuvwxyz234567"

describe("Names", () => {
    it("find what was taken in, and nothing that only begins or ends like it", () => {
        const names = new Names()
        names.add(NAME)
        expect(names.find(NAME)).toBe(NAME)
        const others = [
            "",
            NAME.slice(1),
            NAME.slice(0, -1),
            `${NAME}a`,
            `${NAME}${"a".repeat(100)}`,
            NAME.toUpperCase(),
        ]
        for (const other of [...others, `${NAME}/`, `${NAME}\u0100`]) expect(names.find(other), other).toBeNull()
    })

    it("retain() forgets what is not wanted any more", () => {
        const names = new Names()
        const other = NAME.replace("a", "7")
        for (const name of [NAME, other]) names.add(name)
        names.retain(new Set([other]))
        expect([names.find(NAME), names.find(other), names.size]).toEqual([null, other, 1])
    })

    it("fits() takes what a bundle can be called, and add() nothing else", () => {
        expect(Names.fits(NAME)).toBe(true)
        for (const name of [
            "",
            ".",
            "..",
            `.${NAME.slice(1)}`,
            `${NAME}=`,
            `${NAME.slice(1)}1`,
            `${NAME}\n`,
            `${NAME}.new`,
        ]) {
            expect(Names.fits(name), name).toBe(false)
            expect(() => new Names().add(name)).toThrow(RangeError)
        }
    })
})
