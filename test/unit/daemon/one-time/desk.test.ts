/** The desk with the real loop and engine, simulated time, and a store that keeps, refuses, or comes late. */
import { createHash, createHmac } from "node:crypto"
import { describe, expect, it } from "vitest"
import { batchStore } from "../../../../src/adapters/store/batches.ts"
import { lateStore } from "../../../../src/adapters/store/late.ts"
import { memoryStore } from "../../../../src/adapters/store/memory.ts"
import type { Claim } from "../../../../src/core/engine.ts"
import type { Hit } from "../../../../src/core/knock/hit.ts"
import { formatHit } from "../../../../src/core/knock/language.ts"
import { counterName, type Digests, doorKey, knockerKey } from "../../../../src/core/one-time/derive.ts"
import type { Knocker } from "../../../../src/core/one-time/knocker.ts"
import { formatMaster, parseMaster } from "../../../../src/core/one-time/master.ts"
import { Ledger } from "../../../../src/core/store/ledger.ts"
import type { StoreRecord } from "../../../../src/core/store/record.ts"
import { OneTimeDesk } from "../../../../src/daemon/one-time/desk.ts"
import { markMaster, takeMaster } from "../../../../src/daemon/one-time/master.ts"
import type { Store } from "../../../../src/ports/store.ts"
import { account } from "../../../lab/account.ts"
import { config } from "../../core/world.ts"
import { LINKS, makeGate } from "../gate.ts"

const MASTER = "one-time.master"
const anna: Knocker = {
    name: "anna",
    recipients: [{ kind: "age", line: "age1anna", text: "age1anna", comment: "" }],
    doors: null,
    generation: 0,
    comment: "",
}
const bert = { ...anna, name: "bert" }
const oneTime = { length: 4, window: 5, within: 15_000, protocols: ["tcp", "udp"], from: 10_100, to: 32_000 } as const
const ssh = { name: "ssh", opens: ["tcp/22"], for: 5000, oneTime } as const

const DIGESTS: Digests = {
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    hmac: (key, bytes) => createHmac("sha256", key).update(bytes).digest(),
}

const done = () => Promise.resolve()

async function settled(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate)
}

/** Files that are durable as soon as they are written. */
function files(named: Record<string, string> = {}) {
    const all = new Map(Object.entries(named))
    return {
        all,
        read: (name: string) => {
            const text = all.get(name)
            return Promise.resolve(text === undefined ? null : { bytes: Buffer.from(text), changed: 0 })
        },
        create: (name: string, bytes: Uint8Array) => {
            all.set(name, Buffer.from(bytes).toString("latin1"))
            return done()
        },
        sync: done,
        rename: (from: string, to: string) => {
            all.set(to, all.get(from)!)
            all.delete(from)
            return done()
        },
        syncNames: done,
    }
}

/** A gateway with a desk. Nothing sleeps: what is asynchronous has happened after `settled`. */
function make(of = config([ssh]), storeOf: (now: () => number) => Store = memoryStore, disk = files()) {
    const bundles = {
        users: "u",
        gateway: "g",
        url: "",
        lifetime: 1,
        every: 1,
        files: 0,
        publish: [],
    }
    const whole = { ...of, bundles }
    let wall = 1_700_000_000_000
    const store = storeOf(() => wall)
    const changed: (readonly string[] | null)[] = []
    const lines: string[] = []
    const desk: OneTimeDesk = new OneTimeDesk({
        store: () => store,
        disk: () => Promise.resolve(disk),
        event: (event) => gate.loop.hear(event),
        offered: () => gate.loop.standing.facts().offered,
        wall: () => wall,
        log: (level, text) => lines.push(`${level} ${text}`),
    })
    desk.hear((who) => changed.push(who))
    const gate = makeGate(whole, () => ({
        store,
        oneTime: {
            book: desk.book,
            claim: (claim: Claim) => desk.claim(claim),
            offered: () => desk.offered(),
        },
    }))
    gate.loop.start()
    const upcoming = (who: string, door = 0) => desk.upcoming(who)[door]!.sequences
    return {
        desk,
        gate,
        store,
        disk,
        lines,
        whole,
        upcoming,
        setWall: (now: number) => {
            wall = now
        },
        changed: () => changed.splice(0),
        /** Knocks with these hits, and says what the log says of it but stages. */
        knock: async (source: string, hits: readonly Hit[]) => {
            gate.said()
            gate.knock(source, hits.map(formatHit))
            await settled()
            return gate.said().filter((line) => !/stage/.test(line))
        },
        begin: async (knockers: readonly Knocker[] = [anna, bert]) => {
            desk.take(whole, knockers)
            await settled()
            changed.splice(0)
        },
    }
}

/** A journal that knows everything from this moment on, with these records. */
function journal(since: number, records: readonly StoreRecord[] = []) {
    const ledger = new Ledger()
    for (const record of records) ledger.fold(record)
    if (records.length === 0) ledger.fold({ type: "trust", since, why: "new" })
    const keeper = { keep: async () => null, anew: async () => null, close: done }
    return { store: batchStore("memory", ledger, () => 0, keeper), records: () => [...ledger.records()] }
}

/** Numbers that look random, the same in each run (Marsaglia, Xorshift RNGs, 2003). */
function xorshift(seed: number): () => number {
    let state = seed
    return () => {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        return state >>> 0
    }
}

describe("OneTimeDesk", () => {
    it("goes on to the last counter that can be kept, and makes no sequence behind it", async () => {
        const gateway = make()
        const { desk, disk, store, whole, upcoming, knock } = gateway
        await gateway.begin()
        const master = parseMaster(disk.all.get(MASTER)!)!
        const counter = counterName(DIGESTS, doorKey(DIGESTS, knockerKey(DIGESTS, master.key, anna), "ssh"))
        const last = Number.MAX_SAFE_INTEGER
        expect(await store.raise(counter, last - 3, master.made)).toMatchObject({ ok: true })
        desk.take(whole, [bert])
        desk.take(whole, [anna, bert])
        await settled()
        const coming = upcoming("anna")
        expect(coming.map((one) => one.counter)).toEqual([last - 2, last - 1, last])
        for (const index of [1, 2])
            expect(await knock("192.0.2.1", coming[index]!.hits)).toEqual([expect.stringContaining("(anna): open")])
        expect(upcoming("anna")).toEqual([])
        for (const { hits } of coming) expect(await knock("192.0.2.2", hits)).toEqual([])
        desk.take(whole, [bert])
        desk.take(whole, [anna, bert])
        await settled()
        expect([upcoming("anna"), desk.book.size]).toEqual([[], 5])
        expect(await knock("192.0.2.3", upcoming("bert")[0]!.hits)).toEqual([expect.stringContaining("(bert): open")])
    })

    it("lets two people in at one door, thousands of times in turn, each sequence once and none lost", async () => {
        const { begin, gate, upcoming, changed } = make()
        await begin()
        const used = new Set<string>()
        let opened = 0
        for (let round = 0; round < 1000; round++) {
            const [mine, yours] = [upcoming("anna")[round % 3]!, upcoming("bert")[0]!]
            const [here, there] = [`198.51.100.${round % 250}`, `203.0.113.${round % 250}`]
            gate.said()
            // Hit by hit in turn, from two places; or, now and then, from one place, one after the other.
            if (round % 5 === 0) {
                gate.knock(here, [...mine.hits, ...yours.hits].map(formatHit))
            } else {
                for (const [i, hit] of mine.hits.entries()) {
                    gate.send(here, formatHit(hit))
                    gate.send(there, formatHit(yours.hits[i]!))
                }
            }
            gate.clock.advance(6000)
            await settled()
            const said = gate.said().filter((line) => line.includes(": open"))
            for (const [who, { counter }] of [
                ["anna", mine],
                ["bert", yours],
            ] as const) {
                expect(used.has(`${who} ${counter}`)).toBe(false)
                used.add(`${who} ${counter}`)
                expect(said.some((line) => line.includes(`(${who})`))).toBe(true)
                opened++
            }
        }
        expect(changed()).toHaveLength(2000)
        account(`${opened} one-time knocks of two people in turn at one door, none lost, none twice`)
    })

    it("uses up what was skipped, and makes as many more", async () => {
        const { begin, knock, upcoming, desk, changed } = make()
        await begin()
        const before = upcoming("anna")
        expect(before.map(({ counter }) => counter)).toEqual([0, 1, 2, 3, 4])
        expect(await knock("192.0.2.7", before[2]!.hits)).toEqual([
            expect.stringMatching(/^notice ssh: 192\.0\.2\.7 \(anna\): open: tcp\/22/),
        ])
        expect(changed()).toEqual([["anna"]])
        expect(upcoming("anna").map(({ counter }) => counter)).toEqual([3, 4, 5, 6, 7])
        expect(upcoming("anna").slice(0, 2)).toEqual(before.slice(3))
        for (const { hits } of before.slice(0, 3)) expect(await knock("192.0.2.8", hits)).toEqual([])
        expect(desk.standing("anna")).toEqual([{ door: "ssh", next: 3, used: 1_700_000_000_000 }])
        expect(desk.standing("bert")).toEqual([{ door: "ssh", next: 0, used: null }])
    })

    it("tells who used a sequence last first, then the others by name, as many as are asked for", async () => {
        const names = ["anna", "bert", "carl", "dora"]
        const people = names.map((name) => ({ ...anna, name }))
        const mail = { ...ssh, name: "mail", opens: ["tcp/25"] }
        const { begin, knock, desk, upcoming, whole, setWall } = make(config([ssh, mail]))
        await begin(people)
        const told = (most: number) => {
            const { listed, total } = desk.members(most)
            return [...listed.map(({ knocker, door, next, left, used }) => [knocker, door, next, left, used]), total]
        }
        const AT = 1_700_000_000_000
        for (const [i, who] of ["carl", "bert", "carl"].entries()) {
            setWall(AT + i)
            await knock(`192.0.2.${i + 1}`, upcoming(who)[0]!.hits)
        }
        expect(told(4)).toEqual([
            ["carl", "ssh", 2, 5, AT + 2],
            ["bert", "ssh", 1, 5, AT + 1],
            ["anna", "ssh", 0, 5, null],
            ["anna", "mail", 0, 5, null],
            8,
        ])
        expect(told(1)).toEqual([["carl", "ssh", 2, 5, AT + 2], 8])
        expect(told(99)).toHaveLength(9)
        expect(told(0)).toEqual([8])
        // Uses of before the start are told after those since, and of members alone.
        desk.recall([
            { knocker: "gone", door: "ssh", at: AT - 4 },
            { knocker: "anna", door: "web", at: AT - 3 },
            { knocker: "dora", door: "mail", at: AT - 2 },
            { knocker: "bert", door: "ssh", at: AT - 1 },
        ])
        expect(told(3)).toEqual([
            ["carl", "ssh", 2, 5, AT + 2],
            ["bert", "ssh", 1, 5, AT + 1],
            ["dora", "mail", 0, 5, AT - 2],
            8,
        ])
        // Who has gone is not told of, and comes back as somebody new.
        desk.take(whole, people.slice(0, 2))
        await settled()
        expect(told(9)).toHaveLength(5)
        desk.take(whole, people)
        await settled()
        expect(told(2)).toEqual([["bert", "ssh", 1, 5, AT + 1], ["anna", "ssh", 0, 5, null], 8])
    })

    it("opens nothing while its use cannot be kept, and opens by the same sequence once it can", async () => {
        let trouble: string | null = null
        const keep = () => Promise.resolve(trouble)
        const full = (now: () => number) => {
            const ledger = new Ledger()
            ledger.fold({ type: "trust", since: now(), why: "new" })
            return batchStore("journal", ledger, now, { keep, anew: keep, close: () => Promise.resolve() })
        }
        const { begin, knock, upcoming, lines } = make(config([ssh]), full)
        await begin()
        trouble = "ENOSPC"
        const { hits } = upcoming("anna")[0]!
        for (let i = 0; i < 2; i++) {
            expect(await knock(`192.0.2.${i + 1}`, hits)).toEqual([
                expect.stringMatching(/\(anna\): refused: .*cannot be kept that its one-time sequence is used/),
            ])
        }
        expect(lines.at(-1)).toBe("error one-time: anna at ssh was not let in: ENOSPC")
        trouble = null
        expect(await knock("192.0.2.9", hits)).toEqual([expect.stringMatching(/\(anna\): open/)])
        expect(await knock("192.0.2.10", hits)).toEqual([])
    })

    it("lets one in of two who send the same sequence at once", async () => {
        const { begin, gate, upcoming } = make()
        await begin()
        const { hits } = upcoming("anna")[0]!
        for (const source of ["192.0.2.1", "192.0.2.2"]) gate.knock(source, hits.map(formatHit))
        await settled()
        const said = gate.said().filter((line) => line.includes("(anna)"))
        expect(said.filter((line) => /: open/.test(line))).toHaveLength(1)
        expect(said.filter((line) => /refused: .*used before/.test(line))).toHaveLength(1)
    })

    it("uses up the sequence of a source that may not knock here", async () => {
        const { begin, knock, upcoming } = make(config([{ ...ssh, sources: ["198.51.100.0/24"] }]))
        await begin()
        const { hits } = upcoming("anna")[0]!
        expect(await knock("192.0.2.1", hits)).toEqual([
            expect.stringMatching(/\(anna\): refused: .*may not knock here/),
        ])
        expect(await knock("198.51.100.1", hits)).toEqual([])
    })

    it("lets go of whom a reload does not have, at once, in the middle of a claim as well", async () => {
        const { begin, knock, upcoming, desk, gate, whole, changed } = make()
        await begin()
        const [first, second, third] = upcoming("bert")
        await knock("192.0.2.1", first!.hits)
        expect(gate.open()).toHaveLength(1)
        gate.knock("192.0.2.2", second!.hits.map(formatHit))
        desk.take(whole, [anna])
        await settled()
        expect(gate.open()).toEqual([])
        expect(gate.said().join("\n")).toMatch(/192\.0\.2\.1 \(bert\): closed by a new configuration/)
        expect(changed().at(-1)).toBeNull()
        expect(await knock("192.0.2.3", third!.hits)).toEqual([])
        expect(desk.upcoming("bert")).toEqual([])
        // He comes back: what he used stays used, and what he lost is good again.
        await begin()
        expect(upcoming("bert")[0]!.counter).toBe(2)
    })

    it("opens each sequence once, for its knocker alone, however configurations change in the middle of knocks", async () => {
        const gateway = make()
        const { desk, gate, whole } = gateway
        const random = xorshift(20_261_123)
        const small = { ...oneTime, to: 12_500 }
        const shapes = [
            small,
            { ...small, window: 3 },
            { ...small, from: 11_000 },
            { ...small, protocols: ["udp"] as const },
        ].map((one) => ({ ...config([{ ...ssh, oneTime: one }]), bundles: whole.bundles }))
        const without = config([{ name: "other", opens: ["tcp/23"], for: 5000, oneTime }])
        let shape = shapes[0]!
        let people: readonly Knocker[] = [anna, bert]
        /** By knocker and generation: the largest counter that opened. */
        const opened = new Map<string, number>()
        const old: { readonly who: Knocker; readonly counter: number; readonly hits: readonly Hit[] }[] = []
        const counts = { opened: 0, honest: 0, replayed: 0, meanwhile: 0, gone: 0 }
        const isIn = ({ name, generation }: Knocker) =>
            people.some((one) => one.name === name && one.generation === generation)
        const reload = () => {
            people = people.map((one) => (random() % 4 === 0 ? { ...one, generation: one.generation + 1 } : one))
            const there = random() % 4 === 0 ? people.filter((_, i) => i === random() % 2) : people
            if (random() % 6 === 0) desk.take({ ...without, bundles: whole.bundles }, there)
            if (random() % 2 === 0) shape = shapes[random() % shapes.length]!
            desk.take(shape, there)
            return there
        }
        await gateway.begin(people)
        for (let step = 0; step < 160; step++) {
            const source = `198.51.100.${step % 250}`
            const who = people[random() % 2]!
            const next = desk.upcoming(who.name)[0]?.sequences ?? []
            const used = opened.get(`${who.name} ${who.generation}`) ?? -1
            for (const { counter } of next) expect(counter).toBeGreaterThan(used)
            const again = random() % 3 === 0 ? old[random() % old.length] : undefined
            const fresh = next[random() % 2 === 0 ? 0 : random() % next.length]!
            const sent = again ?? { who, ...fresh }
            const key = `${sent.who.name} ${sent.who.generation}`
            const before = opened.get(key) ?? -1
            gate.said()
            gate.knock(source, sent.hits.map(formatHit))
            let there = people
            const meanwhile = random() % 3 === 0
            // Sometimes while the use is being kept, sometimes while sequences are being made, once or several times.
            if (meanwhile) for (let times = 1 + (random() % 3); times > 0; times--) there = reload()
            if (meanwhile && random() % 2 === 0) await new Promise(setImmediate)
            await settled()
            const lines = gate.said().filter((line) => line.includes(": open"))
            expect(lines.length).toBeLessThan(2)
            for (const line of lines) {
                expect(line).toContain(`${source} (${sent.who.name}): open`)
                expect([isIn(sent.who), there.some(({ name }) => name === sent.who.name)]).toEqual([true, true])
                expect(sent.counter).toBeGreaterThan(before)
                opened.set(key, sent.counter)
                counts.opened++
                if (meanwhile) counts.meanwhile++
            }
            if (again === undefined && !meanwhile) {
                expect(lines).toHaveLength(1)
                counts.honest++
            }
            if (again !== undefined) counts.replayed++
            if (!isIn(sent.who)) counts.gone++
            old.push(sent)
            if (there.length < people.length) desk.take(shape, people)
            await settled()
        }
        account(`reloads in the middle of knocks: ${JSON.stringify(counts)}`)
        for (const [what, least] of [
            ["honest", 30],
            ["replayed", 30],
            ["meanwhile", 1],
            ["gone", 20],
        ] as const)
            expect(counts[what], what).toBeGreaterThan(least)
    })

    it("never offers again what was used in the middle of a reload that makes the same sequences anew", async () => {
        const waiting: (() => void)[] = []
        let slow = false
        const keep = async () => {
            if (slow) await new Promise<void>((resolve) => void waiting.push(resolve))
            return null
        }
        const keeper = { keep, anew: async () => null, close: done }
        const store = batchStore("memory", new Ledger(), () => 0, keeper)
        const { begin, knock, upcoming, desk, gate, whole } = make(config([ssh]), () => store)
        await begin()
        const [first, second] = upcoming("anna")
        // The disk is busy with another's, so that hers waits its turn while the reload is made.
        slow = true
        gate.knock("198.51.100.1", upcoming("bert")[0]!.hits.map(formatHit))
        await settled()
        gate.knock("192.0.2.1", first!.hits.map(formatHit))
        const fewer = { ...whole, doors: [{ ...whole.doors[0]!, oneTime: { ...oneTime, window: 3 } }] }
        desk.take(fewer, [anna, bert])
        await settled()
        expect(upcoming("anna").map(({ counter }) => counter)).toEqual([0, 1, 2])
        slow = false
        for (const release of waiting) release()
        await settled()
        // Whom the knock was of when the reload came is not let in, and what he used is used.
        expect(gate.open()).toEqual([])
        expect(upcoming("anna").map(({ counter }) => counter)).toEqual([1, 2, 3])
        expect(await knock("192.0.2.2", first!.hits)).toEqual([])
        expect(await knock("192.0.2.3", second!.hits)).toEqual([expect.stringMatching(/\(anna\): open: tcp\/22/)])
    })

    it("lets in once a knocker who sends his whole window, the last first", async () => {
        const { begin, knock, upcoming, gate } = make()
        await begin()
        const all = upcoming("anna").toReversed()
        for (const [i, { hits }] of all.entries()) gate.knock(`192.0.2.${i + 1}`, hits.map(formatHit))
        await settled()
        expect(gate.open()).toHaveLength(1)
        expect(gate.open()[0]).toMatch(/192\.0\.2\.1\b/)
        expect(upcoming("anna").map(({ counter }) => counter)).toEqual([5, 6, 7, 8, 9])
        for (const { hits } of all) expect(await knock("192.0.2.9", hits)).toEqual([])
    })

    it("makes other sequences after a rotation, with other keys, and for another pool; not for another door", async () => {
        const { begin, upcoming, desk, whole } = make()
        await begin()
        const before = upcoming("anna")
        const after = async (of: typeof whole, who: Knocker) => {
            desk.take(of, [who, bert])
            await settled()
            return upcoming("anna")
        }
        const seen = [before]
        seen.push(await after(whole, { ...anna, generation: 1 }))
        seen.push(await after(whole, { ...anna, recipients: [{ ...anna.recipients[0]!, line: "age1other" }] }))
        const wider = { ...whole.doors[0]!, oneTime: { ...oneTime, to: 40_000 } }
        seen.push(await after({ ...whole, doors: [wider] }, anna))
        expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(4)
        expect(await after(whole, anna)).toEqual(before)
        expect(await after({ ...whole, doors: [...whole.doors, { ...whole.doors[0]!, name: "web" }] }, anna)).toEqual(
            before,
        )
    })

    it("leaves out what would not count because something listens there, and tells that", async () => {
        const { begin, upcoming, gate, changed, desk } = make()
        await begin()
        const [first, second] = upcoming("anna")
        const { protocol, port } = first!.hits[0]!
        gate.offered.push(`${protocol}/${port}`)
        gate.links.change(LINKS)
        expect(changed()).toEqual([null])
        expect(upcoming("anna")[0]).toEqual(second)
        const { left } = desk.members(9).listed.find(({ knocker }) => knocker === "anna")!
        expect([left, left < 5]).toEqual([upcoming("anna").length, true])
        gate.offered.pop()
        gate.links.change(LINKS)
        expect(upcoming("anna")[0]).toEqual(first)
    })

    it("goes on where it was, with the same sequences, after a restart", async () => {
        const one = make()
        await one.begin()
        await one.knock("192.0.2.1", one.upcoming("anna")[1]!.hits)
        const coming = one.upcoming("anna")
        const two = make(undefined, () => one.store, one.disk)
        two.setWall(1_600_000_000_000)
        await two.begin()
        expect(two.upcoming("anna")).toEqual(coming)
        expect(await two.knock("192.0.2.1", coming[0]!.hits)).toHaveLength(1)
    })

    it("opens nothing that was used, with an older copy of the journal put back beside the master", async () => {
        const one = make()
        await one.begin()
        const copy = new Ledger()
        const store = batchStore("memory", copy, () => 0, {
            keep: async () => null,
            anew: async () => null,
            close: done,
        })
        copy.fold({ type: "trust", since: one.store.health().since, why: "new" })
        const [old] = one.upcoming("anna")
        expect(await one.knock("192.0.2.1", old!.hits)).toEqual([expect.stringMatching(/open/)])
        const two = make(undefined, () => store, one.disk)
        await two.begin()
        expect(two.lines).toEqual([expect.stringMatching(/a new master was made: the journal/)])
        expect(await two.knock("192.0.2.1", old!.hits)).toEqual([])
        expect(await two.knock("192.0.2.2", two.upcoming("anna")[0]!.hits)).toHaveLength(1)
    })

    it("keeps the master that an operator trusts the journal about, over a restart as well", async () => {
        const one = make()
        await one.begin()
        await one.store.trust(1_600_000_000_000)
        one.desk.again()
        await settled()
        const [next] = one.upcoming("anna")
        const two = make(undefined, () => one.store, one.disk)
        await two.begin()
        expect(two.upcoming("anna")[0]).toEqual(next)
    })

    it("says why it waits for a state that cannot be used, and begins when it comes", async () => {
        const late: { come: (store: Store) => void } = { come: () => {} }
        const { desk, begin, lines } = make(config([ssh]), (now) => {
            const { store, come } = lateStore(now, () => "EROFS")
            late.come = come
            return store
        })
        await begin()
        expect(desk.waitsFor()).toBe("EROFS")
        expect(desk.upcoming("anna")).toEqual([])
        expect(lines).toEqual(["error one-time: EROFS: doors open by no one-time sequence until this is mended"])
        late.come(memoryStore(() => 1))
        desk.again()
        await settled()
        expect(desk.waitsFor()).toBeNull()
        expect(lines.at(-1)).toBe("notice one-time: sequences open doors again")
        desk.stop()
    })

    it("makes a new master at once when an operator trusts the journal from a later time on", async () => {
        const { begin, store, desk, upcoming, knock, disk } = make()
        await begin()
        const [before] = upcoming("anna")
        const master = disk.all.get(MASTER)
        await store.trust(1_800_000_000_000)
        // Whoever knocks before anybody has noticed is not let in.
        expect(await knock("192.0.2.1", before!.hits)).toEqual([expect.stringMatching(/cannot be kept/)])
        desk.again()
        await settled()
        expect(disk.all.get(MASTER)).not.toBe(master)
        expect(upcoming("anna")[0]).not.toEqual(before)
        expect(await knock("192.0.2.2", before!.hits)).toEqual([])
        expect(await knock("192.0.2.3", upcoming("anna")[0]!.hits)).toHaveLength(1)
    })
})

describe("takeMaster()", () => {
    it("keeps one that the journal speaks for, and replaces any other by one that it will", async () => {
        const disk = files()
        const { store } = journal(100)
        const at = (of: Store, now: number) => takeMaster({ disk, store: of, digests: DIGESTS }, now)
        const first = await at(store, 100)
        expect([first.renewed, first.master.made]).toEqual(["first", 101])
        expect(await at(store, 5)).toEqual({ renewed: null, master: first.master })
        const text = disk.all.get(MASTER)!
        for (const damage of ["", text.slice(0, -1), text.replace(/key ./, "key g"), `${text}\n`]) {
            disk.all.set(MASTER, damage)
            expect((await at(store, 900)).renewed).toBe("damaged")
        }
        const second = await at(journal(1000).store, 5)
        expect([second.renewed, second.master.made]).toEqual(["journal", 1001])
        expect(second.master.key).not.toEqual(first.master.key)
        expect([...disk.all.keys()]).toEqual([MASTER])
    })

    it("replaces one that is later than a journal made or damaged while the clock stood years before", async () => {
        for (const since of [5, 99, 101]) {
            const disk = files()
            await takeMaster({ disk, store: journal(100).store, digests: DIGESTS }, 2000)
            const again = await takeMaster({ disk, store: journal(since).store, digests: DIGESTS }, 2000)
            expect([since, again.renewed]).toEqual([since, "journal"])
        }
    })

    it("replaces one that is newer than the journal, and one that is older than another: somebody has put a copy back", async () => {
        const disk = files()
        const now = journal(100)
        const keeping = { disk, store: now.store, digests: DIGESTS }
        const { master } = await takeMaster(keeping, 100)
        const before = now.records()
        const copy = disk.all.get(MASTER)!
        const marked = await markMaster(keeping, master)
        expect(marked).toEqual({ ...master, mark: 1 })
        expect(await takeMaster(keeping, 100)).toEqual({ renewed: null, master: marked })
        // The journal is newer: it knows all the same.
        const late = disk.all.get(MASTER)!
        disk.all.set(MASTER, copy)
        expect((await takeMaster(keeping, 100)).renewed).toBeNull()
        disk.all.set(MASTER, late)
        const older = journal(0, before)
        expect(older.store.health().since).toBe(100)
        expect((await takeMaster({ ...keeping, store: older.store }, 100)).renewed).toBe("journal")
        // What the copy has counted was forgotten with the master that is there now.
        disk.all.set(MASTER, "")
        expect((await takeMaster(keeping, 100)).renewed).toBe("damaged")
        disk.all.set(MASTER, late)
        expect((await takeMaster(keeping, 100)).renewed).toBe("journal")
    })

    it("parseMaster() reads what formatMaster() wrote, and nothing that differs by a bit", () => {
        const master = { key: Uint8Array.from({ length: 32 }, (_, i) => i * 7), made: 1_700_000_000_001, mark: 12 }
        const text = formatMaster(master)
        expect(parseMaster(text)).toEqual(master)
        for (let i = 0; i < text.length; i++) {
            for (let bit = 0; bit < 7; bit++) {
                const other = String.fromCharCode(text.charCodeAt(i) ^ (1 << bit))
                expect(parseMaster(text.slice(0, i) + other + text.slice(i + 1))).toBeNull()
            }
        }
    })
})
