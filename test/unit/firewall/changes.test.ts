import { describe, expect, it } from "vitest"
import { grantChanges, revocation, take } from "../../../src/adapters/firewall/changes.ts"
import { type ElementChange, encodeBatch } from "../../../src/adapters/system/nftables-elements.ts"
import { element, network } from "../../lab/rulesets.ts"

const short = (changes: readonly ElementChange[]) =>
    changes.map(({ set, key, ms }) => `${set} ${Buffer.from(key).toString("hex")} ${ms}`)

describe("grantChanges()", () => {
    it("adds, deletes and adds with the time, so that renewing works on every kernel", () => {
        const sources = [{ source: network("192.0.2.7"), ms: 60_000 }]
        expect(short(grantChanges([element("192.0.2.7", "tcp/22")], 1500, sources))).toEqual([
            "open4 c00002070600000000160000 null",
            "open4 c00002070600000000160000 0",
            "open4 c00002070600000000160000 1500",
            "any4 c0000207 null",
            "any4 c0000207 0",
            "any4 c0000207 60000",
        ])
    })

    it("uses the IPv6 sets for IPv6, and no time that a kernel could round to for ever", () => {
        const sources = [{ source: network("2001:db8::7"), ms: 1 }]
        expect(
            short(grantChanges([element("2001:db8::7", "udp/53")], 1, sources)).filter((s) => s.endsWith(" 20")),
        ).toEqual([
            "open6 20010db80000000000000000000000071100000000350000 20",
            "any6 20010db8000000000000000000000007 20",
        ])
    })

    it("keeps a source for ever if one of its grants was put there by hand without an end", () => {
        const sources = [{ source: network("192.0.2.7"), ms: Number.POSITIVE_INFINITY }]
        expect(short(grantChanges([], 1500, sources)).at(-1)).toBe("any4 c0000207 null")
    })

    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d ms: no grant lasts for ever", (ms) => {
        expect(() => grantChanges([element("192.0.2.7", "tcp/22")], ms, [])).toThrow(RangeError)
    })
})

describe("revocation()", () => {
    it("names who must be gone, and keeps the source while another grant of it lives", () => {
        const sources = [
            { source: network("192.0.2.7"), ms: 0 },
            { source: network("192.0.2.8"), ms: 2000 },
            { source: network("192.0.2.9"), ms: Number.POSITIVE_INFINITY },
        ]
        const { gone, kept } = revocation([element("192.0.2.7", "tcp/22")], sources)
        expect(short(gone.flatMap(take))).toEqual([
            "open4 c00002070600000000160000 null",
            "open4 c00002070600000000160000 0",
            "any4 c0000207 null",
            "any4 c0000207 0",
        ])
        expect(short(kept)).toEqual([
            "any4 c0000208 null",
            "any4 c0000208 0",
            "any4 c0000208 2000",
            "any4 c0000209 null",
            "any4 c0000209 0",
            "any4 c0000209 null",
        ])
    })
})

describe("encodeBatch()", () => {
    it("is one transaction whose last change alone asks for an answer", () => {
        const bytes = encodeBatch("postern", grantChanges([element("192.0.2.7", "tcp/22")], 1500, []))
        const view = new DataView(bytes.buffer)
        const seen: [type: number, flags: number][] = []
        for (let at = 0; at < bytes.length; at += view.getUint32(at, true)) {
            seen.push([view.getUint16(at + 4, true), view.getUint16(at + 6, true)])
        }
        const [begin, end, add, remove] = [16, 17, (10 << 8) | 12, (10 << 8) | 14]
        const [request, create, ask] = [1, 0x400, 4]
        expect(seen).toEqual([
            [begin, request],
            [add, request | create],
            [remove, request],
            [add, request | create | ask],
            [end, request],
        ])
    })
})
