import { describe, expect, it } from "vitest"
import { revocation } from "../../../src/adapters/firewall/changes.ts"
import { revokeElements } from "../../../src/adapters/firewall/revoke.ts"
import { ENFILE, ENOENT } from "../../../src/adapters/system/errno.ts"
import type { ElementChange, ElementKey } from "../../../src/adapters/system/nftables-elements.ts"
import { element, network } from "../../lab/rulesets.ts"

const idOf = ({ set, key }: ElementKey) => `${set} ${Buffer.from(key).toString("hex")}`
const [A, B] = [element("192.0.2.7", "tcp/22"), element("192.0.2.8", "tcp/22")]
const ends = (...hosts: readonly number[]) => hosts.map((host) => ({ source: network(`192.0.2.${host}`), ms: 0 }))
const stays = (host: number) => ({ source: network(`192.0.2.${host}`), ms: 2000 })
const BOTH = revocation([A, B], ends(7, 8))
const ALL = BOTH.gone.map(idOf)

/** Sets as the kernel has them, with so much room in each. `before`: what others do before each change. */
function sets(names: readonly string[], room: number, before: (held: Set<string>) => void = () => {}) {
    let held = new Set<string>()
    let refused = 0
    const judge = (changes: readonly ElementChange[], next: Set<string>): number => {
        for (const change of changes) {
            const id = idOf(change)
            if (!names.includes(change.set) || (change.ms === 0 && !next.has(id))) return ENOENT
            const taken = [...next].filter((one) => one.startsWith(`${change.set} `)).length
            if (change.ms !== 0 && !next.has(id) && taken >= room) return ENFILE
            if (change.ms === 0) next.delete(id)
            else next.add(id)
        }
        return 0
    }
    return {
        put(...ids: readonly string[]) {
            held = new Set(ids)
            return this
        },
        held: () => [...held],
        refused: () => refused,
        there: <Key extends ElementKey>(keys: readonly Key[]): readonly Key[] =>
            keys.filter((key) => held.has(idOf(key))),
        change(changes: readonly ElementChange[]): number {
            before(held)
            const next = new Set(held)
            const errno = judge(changes, next)
            if (errno === 0) held = next
            else refused++
            return errno
        },
    }
}

describe("revokeElements()", () => {
    it("takes out what is there, and is not refused for what has gone, from full sets or from none", () => {
        const full = sets(["open4", "any4"], 2).put(ALL[0]!, "open4 other", "any4 one", "any4 other")
        expect(revokeElements(full, BOTH)).toBe(0)
        expect(full.held()).toEqual(["open4 other", "any4 one", "any4 other"])
        const none = sets([], 2)
        expect(revokeElements(none, BOTH)).toBe(0)
        expect([full.refused(), none.refused()]).toEqual([0, 0])
    })

    it("asks again if one goes between question and change", () => {
        let times = 0
        const meanwhile = (held: Set<string>) => {
            if (times++ > 0) return
            held.delete(ALL[0]!)
            for (const other of ["open4 x", "any4 x"]) held.add(other)
        }
        const model = sets(["open4", "any4"], 2, meanwhile).put(...ALL)
        expect(revokeElements(model, BOTH)).toBe(0)
        expect(model.held()).toEqual(["open4 x", "any4 x"])
        expect(model.refused()).toBe(1)
    })

    it("takes each by itself if they go on going while it asks", () => {
        const [first, ...others] = ALL
        const flicker = (held: Set<string>) => {
            held.delete(first!)
            for (let i = 0; held.size < 4; i++) held.add(`open4 ${i}`)
        }
        const model = sets(["open4", "any4"], 2, flicker).put(...ALL)
        expect(revokeElements({ ...model, there: (keys) => keys }, BOTH)).toBe(0)
        expect(model.held().filter((id) => others.includes(id))).toEqual([])
    })

    it.each([
        ["no room", ENFILE, ["open4", "any4"], ["any4 x", "any4 y"]],
        ["no set", ENOENT, ["open4"], []],
    ])("takes out what must go if there is %s for a source that stays, and says so", (_, errno, names, others) => {
        const model = sets(names, 2).put(ALL[0]!, ...others)
        expect(revokeElements(model, revocation([A], [stays(7)]))).toBe(errno)
        expect(model.held()).toEqual(others)
    })
})
