import { expect, it } from "vitest"
import { readSequence, withoutPort } from "../../../../src/core/knockd/sequence.ts"

it.each(["7000,80001", "7000,80001 8002", "7000,\t999999:udp", "7000,66000\r"])(
    "withoutPort() takes the port out of what is said of %j",
    (text) => {
        const reading = readSequence(text)
        expect(reading).toMatchObject({ ok: false, fault: "port", hit: 1 })
        if (!reading.ok)
            expect(withoutPort(`config: section a: ${reading.message}`)).toBe("config: section a: a port is invalid")
    },
)

it("withoutPort() leaves everything else as it is", () => {
    for (const text of ["config: line 3: syntax error", "support is invalid here"]) expect(withoutPort(text)).toBe(text)
})
