import { describe, expect, it } from "vitest"
import { arrivalChains, arrivalSets, parseArrivals } from "../../../src/adapters/firewall/arrivals.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { ruleset } from "../../lab/rulesets.ts"

const chains = (...trials: string[]) =>
    arrivalChains(ruleset({ trials: trials.map((one) => [one, 1000]) }), []).map(({ name }) => name)

describe("arrivalChains()", () => {
    it("is there as long as something is on trial, here or behind this host, and tracks connections for UDP alone", () => {
        expect(chains()).toEqual([])
        expect(chains("tcp/22")).toEqual(["coming"])
        expect(chains("tcp/22", "udp/53")).toEqual(["coming", "answered"])
        const { inner } = ruleset({ behind: ["10.0.0.5 tcp/80"] })
        expect(arrivalSets(ruleset({ behind: ["10.0.0.5 tcp/80"] }))).toEqual([])
        expect(arrivalSets({ trials: [], inner: inner.map((one) => ({ ...one, ms: 1000 })) })).toHaveLength(4)
    })
})

describe("parseArrivals()", () => {
    it("reads the connections of a set, and passes over what is none", () => {
        const output = `table inet postern {
	set came4 {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service
		size 65536
		flags dynamic,timeout
		elements = { 192.0.2.7 . 10.0.0.1 . 6 . 40000 . 22 timeout 2h expires 1h59m,
			     192.0.2.8 . 10.0.0.1 . 17 . 40000 . 53 timeout 2h expires 1h59m,
			     192.0.2.8 . 10.0.0.1 . 132 . 40000 . 53 timeout 2h expires 1h59m }
	}
}
2001:db8::7 . 2001:db8::1 . 6 . 1 . 443 timeout 2h`
        expect(parseArrivals(output)).toEqual([
            {
                key: "192.0.2.7 . 10.0.0.1 . 6 . 40000 . 22",
                source: parseAddress("192.0.2.7"),
                service: { protocol: "tcp", port: 22 },
            },
            {
                key: "192.0.2.8 . 10.0.0.1 . 17 . 40000 . 53",
                source: parseAddress("192.0.2.8"),
                service: { protocol: "udp", port: 53 },
            },
            {
                key: "2001:db8::7 . 2001:db8::1 . 6 . 1 . 443",
                source: parseAddress("2001:db8::7"),
                service: { protocol: "tcp", port: 443 },
            },
        ])
    })
})
