import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatService } from "../../../src/core/knock/language.ts"
import { isOpen, Leases } from "../../../src/core/leases.ts"
import { parseAddress } from "../../../src/core/net/address.ts"
import { config } from "./world.ts"

const command = { start: ["/bin/start"], stop: ["/bin/stop"], after: 100, timeout: 5000 }
const doors = [
    { name: "ssh", opens: ["tcp/22"], hits: ["1", "2"], command },
    { name: "both", opens: ["tcp/22", "tcp/80"], hits: ["3", "4"] },
    { name: "web", opens: ["tcp/80", "udp/80"], hits: ["5", "6"] },
]
const a = parseAddress("192.0.2.1")!
const b = parseAddress("2001:db8::1")!
const made = config(doors).doors
const [ssh, both, web] = [made[0]!, made[1]!, made[2]!]
const book = (grants = 16) => new Leases(config(doors, { grants }))

/** `1000: tcp/22 tcp/80`, one line for each time. */
const said = (groups: ReturnType<Leases["groups"]>) =>
    groups.map(({ ms, elements }) => `${ms}: ${elements.map(({ service }) => formatService(service)).join(" ")}`)

describe("Leases.claim()", () => {
    it("gives the same lease again, one for each door and source", () => {
        const leases = book()
        const lease = leases.claim(ssh, a)!
        expect(leases.claim(ssh, [...a])).toBe(lease)
        expect(leases.get("ssh", a)).toBe(lease)
        expect(leases.claim(both, a)).not.toBe(lease)
        expect(leases.claim(ssh, b)).not.toBe(lease)
        expect(leases.get("both", b)).toBeNull()
        expect([...leases.all()]).toHaveLength(3)
        expect(isOpen(lease)).toBe(false)
    })

    it("refuses a newcomer when the book is full, not who is in it; who is struck out makes room", () => {
        const leases = book(2)
        const first = leases.claim(ssh, a)!
        leases.claim(both, a)
        expect(leases.claim(web, a)).toBeNull()
        expect(leases.claim(ssh, a)).toBe(first)
        leases.settle(first)
        expect(leases.claim(web, a)).not.toBeNull()
    })
})

describe("Leases.settle()", () => {
    it("keeps what is open and what has programs under way", () => {
        const leases = book()
        const lease = leases.claim(ssh, a)!
        leases.setGrant(lease, 1000)
        leases.settle(lease)
        expect(leases.get("ssh", a)).toBe(lease)
        expect(leases.stepErrand(lease, { type: "knock", now: 0 })).toBe("start")
        expect(leases.takeEnded(1000)).toBe(lease)
        expect(isOpen(lease)).toBe(false)
        leases.settle(lease)
        expect(leases.get("ssh", a)).toBe(lease)
        leases.stepErrand(lease, { type: "startEnded", now: 1000 })
        expect(leases.next()).toBe(1100)
        expect(leases.takeStop(1100)).toBe(lease)
        expect(leases.stepErrand(lease, { type: "tick", now: 1100 })).toBe("stop")
        leases.stepErrand(lease, { type: "stopEnded", now: 1100 })
        leases.settle(lease)
        expect(leases.get("ssh", a)).toBeNull()
        expect(leases.next()).toBeNull()
    })
})

describe("Leases.next()", () => {
    it("is the sooner of the next end and the next stop", () => {
        const leases = book()
        expect(leases.next()).toBeNull()
        const lease = leases.claim(ssh, a)!
        leases.setGrant(lease, 1000)
        expect(leases.next()).toBe(1000)
        leases.stepErrand(lease, { type: "knock", now: 0 })
        leases.stepErrand(lease, { type: "startEnded", now: 10 })
        expect(leases.next()).toBe(110)
        leases.stepErrand(lease, { type: "knock", now: 950 })
        expect(leases.next()).toBe(1000)
        leases.setGrant(lease, Number.POSITIVE_INFINITY)
        expect(leases.next()).toBe(1050)
    })

    it("holds each lease once, however often it is renewed", () => {
        const leases = book()
        const lease = leases.claim(ssh, a)!
        for (let i = 0; i < 1000; i++) leases.setGrant(lease, 5000 + i)
        expect(leases.takeEnded(5998)).toBeNull()
        expect(leases.takeEnded(5999)).toBe(lease)
        expect(leases.takeEnded(1e9)).toBeNull()
    })
})

describe("Leases.groups()", () => {
    it("gives every service of the door the time, where no other door says more", () => {
        const leases = book()
        const lease = leases.claim(both, a)!
        expect(said(leases.groups(lease, 1500, 500))).toEqual(["1000: tcp/22 tcp/80"])
        leases.setGrant(leases.claim(ssh, a)!, 1400)
        // Another source's grant is no concern of this one.
        leases.setGrant(leases.claim(web, b)!, 9000)
        expect(said(leases.groups(lease, 1500, 500))).toEqual(["1000: tcp/22 tcp/80"])
    })

    it("keeps a service for as long as another door says", () => {
        const leases = book()
        leases.setGrant(leases.claim(ssh, a)!, 3000)
        const lease = leases.claim(both, a)!
        expect(said(leases.groups(lease, 1500, 500))).toEqual(["2500: tcp/22", "1000: tcp/80"])
        expect(said(leases.groups(lease, 0, 500))).toEqual(["2500: tcp/22"])
    })

    it("is, for each service, the latest end of all that open it, whatever is open", () => {
        let shared = 0
        const due = fc.option(fc.integer({ min: 1, max: 2000 }), { nil: null })
        fc.assert(
            fc.property(fc.tuple(due, due, due), fc.nat(2), due, fc.nat(1500), (ends, mine, until, now) => {
                const leases = book()
                ends.forEach((end, door) => {
                    if (end !== null) leases.setGrant(leases.claim(made[door]!, a)!, end)
                })
                const lease = leases.claim(made[mine]!, a)!
                const got = new Map(
                    leases
                        .groups(lease, until ?? 0, now)
                        .flatMap(({ ms, elements }) => elements.map((e) => [formatService(e.service), ms] as const)),
                )
                for (const service of doors[mine]!.opens) {
                    const others = doors.flatMap((door, i) =>
                        i !== mine && door.opens.includes(service) ? (ends[i] ?? []) : [],
                    )
                    const latest = Math.max(until ?? 0, ...others)
                    if (others.length > 0 && latest > now && latest !== until) shared++
                    expect(got.get(service)).toBe(latest > now ? latest - now : undefined)
                }
            }),
        )
        expect(shared).toBeGreaterThan(10)
    })
})
