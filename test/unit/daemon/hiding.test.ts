/** Hiding by hand, under a simulated clock: trials end by themselves, and what the configuration says comes before them. */
import { describe, expect, it } from "vitest"
import type { Connection } from "../../../src/adapters/services/connections.ts"
import { type Address, formatAddress, type Network, parseAddress, parseNetwork } from "../../../src/core/net/address.ts"
import { Trials } from "../../../src/daemon/trials.ts"
import { address, LOCAL4 } from "../../../tools/vectors/bytes.ts"
import { config } from "../core/world.ts"
import { makeGate } from "./gate.ts"

const SSH = { protocol: "tcp", port: 22 } as const
const WEB = { protocol: "tcp", port: 443 } as const
const sequence = { hits: ["32144", "21312", "27015"] }
const OPEN = { name: "ssh", opens: ["tcp/22"], sequence }
const HIDDEN = { ...OPEN, hide: true }
const SAID = { service: SSH, hide: true }

function started(door: typeof OPEN & { hide?: boolean; always?: readonly Network[]; at?: readonly Address[] } = OPEN) {
    const there: Connection[] = []
    const now = { uptime: 0 }
    const gate = makeGate(config([door]), () => ({ connections: () => there, uptime: () => now.uptime }))
    gate.loop.start()
    gate.said()
    return { ...gate, there, now, hides: () => gate.firewall.hides(SSH) }
}

function connection(text: string, made = true): Connection {
    const source = parseAddress(text)!
    return { key: `${text} 1`, source, made, inside: text === "127.0.0.1" }
}

describe("hide()", () => {
    it("hides on trial, and no longer when nobody has confirmed it in time", () => {
        const { loop, clock, hides, said } = started()
        expect(loop.hiding.hide(SSH, 60_000, 0)).toBeNull()
        expect(hides()).toBe(true)
        clock.advance(59_999)
        expect(hides()).toBe(true)
        expect(loop.hiding.trials()).toMatchObject([{ service: SSH, left: 1, age: 59_999 }])
        clock.advance(1)
        expect(hides()).toBe(false)
        expect(loop.hiding.trials()).toEqual([])
        expect(said()).toEqual([
            "notice hide: tcp/22: hidden on trial for 60 s, by hand of user 0",
            "warning hide: tcp/22: no longer hidden on trial: nobody has confirmed it",
        ])
    })

    it("keeps the time that is left when the table is made again, by others' doing or a reload", () => {
        const { loop, clock, firewall, hides } = started()
        loop.hiding.hide(SSH, 60_000, 0)
        clock.advance(30_000)
        expect(loop.reload(config([{ ...OPEN, name: "other" }]), null).ok).toBe(true)
        expect(firewall.wanted()!.trials).toEqual([{ service: SSH, ms: 30_000 }])
        clock.advance(30_000)
        expect(hides()).toBe(false)
    })

    it("ends by a configuration that hides it for good, or in which nobody could come in", () => {
        const { loop, clock, hides, said } = started()
        loop.hiding.hide(SSH, 60_000, 0)
        said()
        expect(loop.reload({ ...config([OPEN]), hide: [SAID] }, null).ok).toBe(true)
        expect(said()).toContain("notice hide: tcp/22: hidden from now on")
        clock.advance(120_000)
        expect(hides()).toBe(true)
        const other = started()
        other.loop.hiding.hide(SSH, 60_000, 0)
        other.loop.reload(config([{ ...OPEN, opens: ["tcp/443"] }]), null)
        expect(other.hides()).toBe(false)
        expect(other.firewall.wanted()!.trials).toEqual([])
    })

    it("refuses what no door opens, what is hidden, and what the firewall refuses, and changes nothing then", () => {
        const { loop, firewall } = started()
        expect(loop.hiding.hide(WEB, 60_000, 0)).toBe("service")
        expect(started(HIDDEN).loop.hiding.hide(SSH, 60_000, 0)).toBe("hidden")
        firewall.breakWith({ ok: false, code: "failed", detail: "no" })
        expect(loop.hiding.hide(SSH, 60_000, 0)).toBe("firewall")
        firewall.breakWith(null)
        expect(loop.hiding.trials()).toEqual([])
    })

    it("goes on as it was where the firewall refuses another end", () => {
        const { loop, clock, firewall, hides } = started()
        loop.hiding.hide(SSH, 60_000, 0)
        clock.advance(10_000)
        firewall.breakWith({ ok: false, code: "failed", detail: "no" })
        expect(loop.hiding.hide(SSH, 120_000, 0)).toBe("firewall")
        expect(loop.hiding.unhide(SSH, 0)).toBeNull()
        firewall.breakWith(null)
        expect(loop.hiding.trials()).toMatchObject([{ service: SSH, left: 50_000, age: 10_000 }])
        expect(hides()).toBe(true)
    })

    it("ends with the daemon", async () => {
        const { loop, hides } = started()
        loop.hiding.hide(SSH, 60_000, 0)
        await loop.stop()
        expect(hides()).toBe(false)
    })

    it("tells who came in since: neither by an older connection, nor from here, nor without having to knock", () => {
        const { loop, there } = started({ ...OPEN, always: [parseNetwork("192.0.2.0/24")!] })
        there.push(connection("203.0.113.1"), connection("203.0.113.2", false))
        loop.hiding.hide(SSH, 60_000, 0)
        const arrived = () => loop.hiding.trials()[0]!.arrived!.map(formatAddress)
        there.push(connection("203.0.113.3", false), connection("127.0.0.1"), connection("192.0.2.7"))
        there.push(connection(LOCAL4))
        expect(arrived()).toEqual([])
        there.push(connection("203.0.113.4"), { ...connection("203.0.113.4"), key: "again" })
        expect(arrived()).toEqual(["203.0.113.4"])
        // Longer for the same trial: what is new stays so.
        loop.hiding.hide(SSH, 120_000, 0)
        expect(arrived()).toEqual(["203.0.113.4"])
    })

    it("tells of each service who came in to that one, where the firewall sees it", () => {
        const { loop, firewall } = started({ ...OPEN, opens: ["tcp/22", "tcp/443"] })
        const came = (service: typeof SSH | typeof WEB, text: string) => ({ key: text, source: address(text), service })
        const all = [came(SSH, "203.0.113.1")]
        Object.assign(firewall, { arrivals: () => all })
        loop.hiding.hide(SSH, 60_000, 0)
        loop.hiding.hide(WEB, 60_000, 0)
        all.push(came(SSH, "203.0.113.2"))
        const arrived = loop.hiding.trials().map((trial) => trial.arrived!.map(formatAddress))
        expect(arrived).toEqual([["203.0.113.2"], []])
    })
})

describe("unhide()", () => {
    it("ends a trial before its time, and opens to everyone what is on none", () => {
        const { loop, firewall, hides, said } = started()
        loop.hiding.hide(SSH, 60_000, 0)
        said()
        expect(loop.hiding.unhide(SSH, 0)).toBe("trial")
        expect(hides()).toBe(false)
        expect(firewall.wanted()!.spared).toEqual([])
        // What listens on loopback is reached by everyone only who is led to it: so it is opened, hidden or not.
        expect(loop.hiding.unhide(SSH, 7)).toBe("open")
        expect(firewall.wanted()!.spared).toEqual([{ service: SSH, ms: null }])
        expect(loop.hiding.unhide(WEB, 7)).toBe("door")
        expect(said()).toEqual([
            "notice hide: tcp/22: no longer hidden on trial, by hand of user 0",
            "notice hide: tcp/22: open to everyone, by hand of user 7",
        ])
    })

    it("opens what the configuration hides, until that is read again", () => {
        const { loop, hides } = started(HIDDEN)
        expect(hides()).toBe(true)
        expect(loop.hiding.unhide(SSH, 0)).toBe("hidden")
        expect(hides()).toBe(false)
        expect(loop.hiding.hide(SSH, 60_000, 0)).toBeNull()
        expect(hides()).toBe(true)
        loop.hiding.unhide(SSH, 0)
        expect(hides()).toBe(false)
        loop.reload(config([HIDDEN]), null)
        expect(hides()).toBe(true)
        expect(loop.hiding.hidden()).toEqual([SSH])
    })

    it("leaves all as it is where the firewall refuses", () => {
        const { loop, firewall, hides, said } = started(HIDDEN)
        firewall.breakWith({ ok: false, code: "failed", detail: "no" })
        expect(loop.hiding.unhide(SSH, 0)).toBeNull()
        expect(said()).toEqual(["warning hide: tcp/22: as it was, against the wish of user 0: the firewall refused"])
        firewall.breakWith(null)
        expect(hides()).toBe(true)
        expect(loop.hiding.hidden()).toEqual([SSH])
    })
})

describe("Trials", () => {
    it("gives no ruleset what is over, though nobody has ended it yet: no time left is for ever in a set", () => {
        const trials = new Trials()
        trials.begin({ service: SSH, since: 0, due: 1000, before: null })
        expect(trials.moment(999, 0).trials).toEqual([{ service: SSH, ms: 1 }])
        expect(trials.moment(1000, 0).trials).toEqual([])
        expect(trials.due).toBe(1000)
    })
})

describe("Loop.stop()", () => {
    it("leaves the table to what was opened: it may listen on loopback, where everyone is led to", async () => {
        const { loop, firewall } = started()
        loop.hiding.unhide(SSH, 0)
        expect(await loop.stop()).toBe("kept")
        expect(firewall.wanted()!.spared).toEqual([{ service: SSH, ms: null }])
    })

    it("leaves the table to what is hidden on hosts behind this one alone", async () => {
        const { loop, firewall } = started({ ...HIDDEN, at: [address("10.0.0.5")] })
        expect(await loop.stop()).toBe("kept")
        expect(firewall.wanted()).toMatchObject({ hidden: [], inner: [{ service: SSH }] })
    })
})

describe("[hide] and `grace`", () => {
    it("name some of many services that are hidden at once, and count the others", () => {
        const { loop, said } = started()
        const doors = [0, 1].map((i) => ({
            ...HIDDEN,
            name: `many${i}`,
            opens: Array.from({ length: 60 }, (_, port) => `tcp/${1000 + 60 * i + port}`),
        }))
        loop.reload(config([OPEN, ...doors]), null)
        const [line] = said().filter((one) => one.includes("hide: "))
        expect(line).toMatch(/ tcp\/1009 and 110 more: hidden from now on$/)
    })

    it("overrule what doors say, one way and the other", () => {
        const { loop, hides } = started()
        loop.reload({ ...config([OPEN]), hide: [SAID] }, null)
        expect(hides()).toBe(true)
        loop.reload({ ...config([HIDDEN]), hide: [{ ...SAID, hide: false }] }, null)
        expect(hides()).toBe(false)
    })

    it("leave hidden services open for so long after the start of the host, and no longer", () => {
        const { loop, clock, firewall, now, hides, said } = started(HIDDEN)
        now.uptime = 280_000
        loop.reload(config([HIDDEN], { grace: 300_000 }), null)
        expect(hides()).toBe(false)
        expect(loop.hiding.counts()).toEqual({ lasting: 0, trial: 0, spared: 1 })
        expect(said()).toEqual(["warning hide: tcp/22: open to everyone for 20 s more: the host has just started"])
        now.uptime = 300_000
        clock.advance(20_000)
        expect(hides()).toBe(true)
        expect(loop.hiding.counts()).toEqual({ lasting: 1, trial: 0, spared: 0 })
        expect(firewall.wanted()!.spared).toEqual([])
        expect(said()).toEqual(["notice hide: tcp/22: hidden: the time after the start of the host is over"])
        now.uptime = 300_001
        loop.reload(config([HIDDEN], { grace: 300_000 }), null)
        expect(hides()).toBe(true)
    })
})
