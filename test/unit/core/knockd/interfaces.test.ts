import { describe, expect, it } from "vitest"
import { interfacesName, readInterfaces } from "../../../../src/core/knockd/interfaces.ts"

describe("readInterfaces()", () => {
    it.each([
        ["eth0", "eth0"],
        ["eth0,wlan0", "eth0,wlan0"],
        [" eth0 ,\twlan0, ", "eth0,wlan0"],
        ["eth0,,wlan0,eth0", "eth0,wlan0"],
        ["any", "any"],
        ["eth0, any", "any"],
        ["auto,any", "any"],
        ["auto", "auto"],
        [" auto ,auto", "auto"],
        // Names of interfaces are not words: case counts.
        ["Any", "Any"],
        ["AUTO", "AUTO"],
        // As knockd would look for it.
        [",", ","],
        [" ", " "],
    ])("%j means %s", (text, wanted) => {
        const reading = readInterfaces(text)
        expect(reading.ok && interfacesName(reading.interfaces)).toBe(wanted)
    })

    it("refuses auto among others, in the form of knockd's refusal", () => {
        expect(readInterfaces("eth0,auto")).toEqual({
            ok: false,
            message: "could not open eth0,auto: auto stands for others and must stand alone",
        })
    })
})
