import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Door } from "../../../src/core/config/config.ts"
import { formatService } from "../../../src/core/knock/language.ts"
import { isOpen, Lease, Leases } from "../../../src/core/leases.ts"
import { type Address, parseAddress } from "../../../src/core/net/address.ts"
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
const claim = (leases: Leases, door: Door, source: Address): Lease => {
    const lease = leases.claim(door, source, "knock")
    if (typeof lease === "string") throw new Error(lease)
    return lease
}
const book = (grants = 16) => new Leases(config(doors, { grants }))

/** `1000: tcp/22 tcp/80`, one line for each time. */
const said = (groups: ReturnType<Leases["groups"]>) =>
    groups.map(({ ms, elements }) => `${ms}: ${elements.map(({ service }) => formatService(service)).join(" ")}`)

describe("Leases.claim()", () => {
    it("gives the same lease again, one for each door and source", () => {
        const leases = book()
        const lease = claim(leases, ssh, a)
        expect(claim(leases, ssh, [...a])).toBe(lease)
        expect(leases.get(ssh, a)).toBe(lease)
        expect(claim(leases, both, a)).not.toBe(lease)
        expect(claim(leases, ssh, b)).not.toBe(lease)
        expect(leases.get(both, b)).toBeNull()
        expect([...leases.all()]).toHaveLength(3)
        expect(isOpen(lease)).toBe(false)
    })

    it("refuses a newcomer when the book is full, not who is in it; who is struck out makes room", () => {
        const leases = book(2)
        const first = claim(leases, ssh, a)
        claim(leases, both, a)
        expect(leases.claim(web, a, "knock")).toBe("grants")
        expect(claim(leases, ssh, a)).toBe(first)
        leases.settle(first)
        expect(leases.claim(web, a, "knock")).toBeInstanceOf(Lease)
    })
})

describe("Leases.take()", () => {
    it("finds room for what is there already, which keeps newcomers out until enough has ended", () => {
        const leases = book(2)
        const there = Array.from({ length: 5 }, (_, i) => leases.take(both, v6(0, i, 0)))
        expect(leases.take(both, v6(0, 4, 0))).toBe(there[4])
        expect(leases.elements()).toBe(0)
        for (const lease of there) leases.setGrant(lease, 1000)
        expect(leases.elements()).toBe(10)
        for (const lease of there.slice(0, 4)) {
            expect([leases.claim(ssh, b, "knock"), leases.claim(ssh, b, "hand")]).toEqual(["grants", "grants"])
            leases.setGrant(lease, Number.POSITIVE_INFINITY)
            leases.settle(lease)
        }
        expect(leases.claim(ssh, b, "knock")).toBeInstanceOf(Lease)
        expect(leases.elements()).toBe(2)
    })
})

const v6 = (a: number, b: number, i: number): Address => [0x20010000 + a, b, 0, i]
const many = (leases: Leases, count: number, source: (i: number) => Address, by: "knock" | "hand" = "knock") =>
    Array.from({ length: count }, (_, i) => leases.claim(ssh, source(i), by)).map((lease) =>
        typeof lease === "string" ? lease : "room",
    )
const rooms = (all: readonly string[]) => all.filter((one) => one === "room").length

describe("Leases.claim(), shares", () => {
    it("gives one /64 a sixteenth of the book, one /48 a quarter, and others what is left", () => {
        const leases = book(160)
        const home = many(leases, 100, (i) => v6(0, 0, i))
        expect(rooms(home)).toBe(10)
        expect(home.at(-1)).toBe("share")
        expect(rooms(many(leases, 100, (i) => v6(0, i + 1, 0)))).toBe(30)
        expect(rooms(many(leases, 1, () => v6(1, 0, 0)))).toBe(1)
        expect(rooms(many(leases, 100, (i) => [0, 0, 0xffff, i]))).toBe(100)
    })

    it("gives back what is struck out, and never counts the same lease twice", () => {
        const leases = book(64)
        const first = claim(leases, ssh, v6(0, 0, 0))
        expect(rooms(many(leases, 9, (i) => v6(0, 0, i)))).toBe(4)
        expect(claim(leases, ssh, v6(0, 0, 0))).toBe(first)
        leases.settle(first)
        leases.settle(first)
        expect(many(leases, 6, (i) => v6(0, 0, i + 50))).toEqual(["room", ...Array(5).fill("share")])
        for (const lease of leases.all()) leases.settle(lease)
        expect(rooms(many(leases, 9, (i) => v6(0, 0, i)))).toBe(4)
    })

    it("counts one IPv4 source over all doors, four at least", () => {
        const leases = book(16)
        const got = doors.map((_, i) => leases.claim(made[i]!, a, "knock"))
        expect(got.every((lease) => typeof lease !== "string")).toBe(true)
        expect(rooms(many(leases, 4, (i) => v6(0, 0, i)))).toBe(4)
        expect(leases.claim(ssh, v6(0, 0, 9), "knock")).toBe("share")
    })

    it("asks it of knocks alone, and counts what others have opened", () => {
        const leases = book(64)
        expect(rooms(many(leases, 9, (i) => v6(0, 0, i), "hand"))).toBe(9)
        expect(leases.claim(ssh, v6(0, 0, 20), "knock")).toBe("share")
        expect(leases.take(ssh, v6(0, 0, 20))).toBeInstanceOf(Lease)
    })
})

describe("Leases.settle()", () => {
    it("keeps what is open and what has programs under way", () => {
        const leases = book()
        const lease = claim(leases, ssh, a)
        leases.setGrant(lease, 1000)
        leases.settle(lease)
        expect(leases.get(ssh, a)).toBe(lease)
        expect(leases.stepErrand(lease, { type: "knock", now: 0 })).toBe("start")
        expect(leases.takeEnded(1000)).toBe(lease)
        expect(isOpen(lease)).toBe(false)
        leases.settle(lease)
        expect(leases.get(ssh, a)).toBe(lease)
        leases.stepErrand(lease, { type: "startEnded", now: 1000 })
        expect(leases.next()).toBe(1100)
        expect(leases.takeStop(1100)).toBe(lease)
        expect(leases.stepErrand(lease, { type: "tick", now: 1100 })).toBe("stop")
        leases.stepErrand(lease, { type: "stopEnded", now: 1100 })
        // It rests, so that a replayed knock finds it there.
        leases.settle(lease)
        expect(leases.get(ssh, a)).toBe(lease)
        expect(leases.takeStop(2100)).toBe(lease)
        expect(leases.stepErrand(lease, { type: "tick", now: 2100 })).toBeNull()
        leases.settle(lease)
        expect(leases.get(ssh, a)).toBeNull()
        expect(leases.next()).toBeNull()
    })
})

describe("Leases.next()", () => {
    it("is the sooner of the next end and the next stop", () => {
        const leases = book()
        expect(leases.next()).toBeNull()
        const lease = claim(leases, ssh, a)
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
        const lease = claim(leases, ssh, a)
        for (let i = 0; i < 1000; i++) leases.setGrant(lease, 5000 + i)
        expect(leases.takeEnded(5998)).toBeNull()
        expect(leases.takeEnded(5999)).toBe(lease)
        expect(leases.takeEnded(1e9)).toBeNull()
    })
})

describe("Leases.groups()", () => {
    it("gives every service of the door the time, where no other door says more", () => {
        const leases = book()
        const lease = claim(leases, both, a)
        expect(said(leases.groups(lease, 1500, 500))).toEqual(["1000: tcp/22 tcp/80"])
        leases.setGrant(claim(leases, ssh, a), 1400)
        // Another source's grant is no concern of this one.
        leases.setGrant(claim(leases, web, b), 9000)
        expect(said(leases.groups(lease, 1500, 500))).toEqual(["1000: tcp/22 tcp/80"])
    })

    it("keeps a service for as long as another door says", () => {
        const leases = book()
        leases.setGrant(claim(leases, ssh, a), 3000)
        const lease = claim(leases, both, a)
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
                    if (end !== null) leases.setGrant(claim(leases, made[door]!, a), end)
                })
                const lease = claim(leases, made[mine]!, a)
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
