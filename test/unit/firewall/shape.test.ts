/** Tables under our name that are not ours: as libnftables lists them. */
import { describe, expect, it } from "vitest"
import { fitsShape } from "../../../src/adapters/firewall/shape.ts"
import { ruleset } from "../../lab/rulesets.ts"

const WANTED = ruleset({ hidden: ["tcp/22"] })

const sets = ["4", "6"].flatMap((family) => {
    const size = WANTED.grants
    const address = `ipv${family}_addr`
    return [
        { set: { name: `any${family}`, type: address, size, flags: ["timeout"] } },
        { set: { name: `open${family}`, type: [address, "inet_proto", "inet_service"], size, flags: ["timeout"] } },
    ]
})

const fits = (...more: object[]) => fitsShape(JSON.stringify({ nftables: [...sets, ...more] }), WANTED)

describe("fitsShape()", () => {
    it("knows what we make, now or in another configuration, and no other set or chain", () => {
        expect(fits({ chain: { name: "hide" } }, { chain: { name: "watch" } }, { set: { name: "hidden" } })).toBe(true)
        expect(fits({ chain: { name: "mine" } })).toBe(false)
        expect(fits({ set: { name: "mine" } })).toBe(false)
    })

    it("wants every set of grants, of the size that is wanted", () => {
        expect(fitsShape(JSON.stringify({ nftables: sets.slice(1) }), WANTED)).toBe(false)
        expect(fitsShape(JSON.stringify({ nftables: sets }), { ...WANTED, grants: WANTED.grants * 2 })).toBe(false)
    })
})
