/** What the configuration and the moment come to, before any firewall is asked. */
import { describe, expect, it } from "vitest"
import type { Service } from "../../../src/core/knock/hit.ts"
import { formatService } from "../../../src/core/knock/language.ts"
import { formatAddress, formatNetwork } from "../../../src/core/net/address.ts"
import { type Moment, wantedRuleset } from "../../../src/core/ruleset.ts"
import { address, network } from "../../lab/rulesets.ts"
import { config } from "./world.ts"

const SSH = { protocol: "tcp", port: 22 } as const
const WEB = { protocol: "tcp", port: 443 } as const
const HITS = ["32144", "21312", "27015"]
const PLAIN = { name: "ssh", opens: ["tcp/22"], hits: HITS }
const HIDDEN = { ...PLAIN, hide: true }
const BEHIND = { ...PLAIN, at: [address("10.0.0.5")] }

function wanted(of: ReturnType<typeof config>, moment: Partial<Moment> = {}, held = 0) {
    return wantedRuleset(of, null, held, { trials: [], opened: [], uptime: 1_000_000, published: null, ...moment })
}

const trial = (service: Service) => ({ trials: [{ service, ms: 60_000 }] })

const names = (services: readonly { readonly service: Service }[]) =>
    services.map(({ service }) => formatService(service))

const needless = (of: ReturnType<typeof config>, moment = {}) =>
    wanted(of, moment).always.map(({ network }) => formatNetwork(network))

describe("wantedRuleset()", () => {
    it("hides a service of a host behind this one there, and leaves this host's own of the same port alone", () => {
        const { hidden, inner, behind } = wanted(config([{ ...BEHIND, hide: true }]))
        expect(hidden).toEqual([])
        expect(inner).toEqual([{ address: address("10.0.0.5"), service: SSH, ms: null }])
        expect(behind).toEqual([{ address: address("10.0.0.5"), service: SSH }])
    })

    it("hides on trial there, too, for as long as the trial lasts, and not here", () => {
        const { hidden, trials, inner } = wanted(config([BEHIND]), trial(SSH))
        expect([hidden, trials]).toEqual([[], []])
        expect(inner).toEqual([{ address: address("10.0.0.5"), service: SSH, ms: 60_000 }])
    })

    it("puts on trial what a door opens and nothing hides, and nothing else", () => {
        expect(names(wanted(config([PLAIN]), trial(SSH)).trials)).toEqual(["tcp/22"])
        expect(names(wanted(config([PLAIN]), trial(WEB)).trials)).toEqual([])
        expect(names(wanted(config([HIDDEN]), trial(SSH)).trials)).toEqual([])
    })

    it("hides what is led to in its place for as long as it is led to, whatever hides the door", () => {
        const led = { ...PLAIN, leadTo: [{ address: address("10.0.0.5"), port: 2222 }] }
        const there = wanted(config([led])).inner.map(({ address: to, service, ms }) => [
            formatAddress(to),
            formatService(service),
            ms,
        ])
        expect(there).toEqual([["10.0.0.5", "tcp/2222", null]])
    })

    it("takes `always` of the doors that hide the service, and of all where a hand or [hide] does", () => {
        const doors = [
            { ...HIDDEN, always: [network("192.0.2.0/24")] },
            { ...PLAIN, name: "other", always: [network("198.51.100.0/24")] },
        ]
        expect(needless(config(doors))).toEqual(["192.0.2.0/24"])
        const shown = doors.map((door) => ({ ...door, hide: false }))
        const both = ["192.0.2.0/24", "198.51.100.0/24"]
        expect(needless(config(shown))).toEqual([])
        expect(needless(config(shown), trial(SSH))).toEqual(both)
        expect(needless({ ...config(shown), hide: [{ service: SSH, hide: true }] })).toEqual(both)
    })

    it("opens to everyone, once, what a hand or [hide] has opened, but not what is on trial", () => {
        const said = { ...config([HIDDEN]), hide: [{ service: SSH, hide: false }] }
        const once = [{ service: SSH, ms: null }]
        expect(wanted(said, { opened: [SSH] }).spared).toEqual(once)
        expect(wanted(config([HIDDEN]), { opened: [SSH] })).toMatchObject({ hidden: [], spared: once })
        expect(wanted(said, trial(SSH)).spared).toEqual([])
    })

    it("opens what is hidden for what is left of the time after the start of the host", () => {
        const graced = config([HIDDEN], { grace: 300_000 })
        expect(wanted(graced, { uptime: 299_000 }).spared).toEqual([{ service: SSH, ms: 1000 }])
        expect(wanted(graced, { uptime: 300_000 }).spared).toEqual([])
    })

    it("has room for twice what can be granted, and for what is open already, in steps", () => {
        const small = config([{ ...PLAIN, opens: ["tcp/22", "udp/22"] }], { grants: 16 })
        expect(wanted(small, {}, 64).grants).toBe(64)
        expect(wanted(small, {}, 65).grants).toBe(256)
        expect(wanted(small, {}, 128).grants).toBe(256)
    })
})
