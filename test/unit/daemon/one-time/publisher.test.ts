import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { generateIdentity } from "../../../../src/adapters/sealing/portable/generate.ts"
import { sealer } from "../../../../src/adapters/sealing/seal.ts"
import { signingKey, verifySignature } from "../../../../src/adapters/sealing/sign.ts"
import { writeHalf } from "../../../../src/adapters/system/durable.ts"
import { directoryTarget } from "../../../../src/adapters/targets/directory.ts"
import type { Bundles } from "../../../../src/core/config/config.ts"
import { signedBytes } from "../../../../src/core/one-time/accept.ts"
import { parseSigned } from "../../../../src/core/one-time/bundle.ts"
import { pressOf } from "../../../../src/daemon/one-time/press.ts"
import { Spool } from "../../../../src/daemon/one-time/spool.ts"
import type { Sealer } from "../../../../src/ports/sealing.ts"
import type { Target } from "../../../../src/ports/target.ts"
import { bundleIn, decrypted, gateway, gatewayFolder, KEYS, PlainDesk, reader, seen } from "../../../lab/publication.ts"

let folder = ""
let desk = new PlainDesk()
const www = () => join(folder, "www")
const stops: (() => Promise<void>)[] = []
const start = (options: Partial<Parameters<typeof gateway>[0]> = {}) => {
    const one = gateway({ folder, desk, ...options })
    stops.push(() => one.publisher.stop())
    return one
}

beforeEach(() => {
    folder = gatewayFolder()
    desk = new PlainDesk()
})
afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
    rmSync(folder, { recursive: true, force: true })
})

/** What becomes true before long. */
const before = (what: () => void | Promise<void>) => vi.waitFor(what, { timeout: 15_000, interval: 5 })

/** What somebody sees of a web root before and after some uses, of so many knockers. */
const looks = async (people: number, uses: readonly string[]) => {
    desk = new PlainDesk()
    const { recipient } = await reader("x")
    for (let i = 0; i < people; i++) desk.add(`k${i}`, recipient)
    const { publisher } = start({ files: 52 })
    await publisher.publishNow()
    const first = seen(www())
    for (const name of uses) desk.next.set(name, 1)
    await publisher.publishNow()
    const second = seen(www())
    rmSync(www(), { recursive: true })
    mkdirSync(www())
    return { first, second }
}

/** Name, size and recipients of each file. */
const shapes = () =>
    seen(www()).map(({ name, size, text }) => {
        const head = Buffer.from(text.split("\n").slice(1, -2).join(""), "base64").toString("latin1")
        return `${name} ${size} ${head.match(/^-> \S+/gm)?.join("")}`
    })

describe("Publisher", () => {
    it("publishes for each knocker a bundle that he alone reads, signed by the gateway", async () => {
        const [anna, bob] = [await reader("anna"), await reader("bob")]
        for (const { name, recipient } of [anna, bob]) desk.add(name, recipient)
        const { publisher, lines } = start()
        await publisher.publishNow()
        expect(readdirSync(www())).toHaveLength(2)
        const read = parseSigned(await bundleIn(www(), anna))
        if (!read.ok) throw new Error(read.code)
        const { bundle, signed, signatures } = read.value
        expect(bundle).toMatchObject({ gateway: "gw.example.org", knocker: "anna" })
        expect(bundle.doors).toEqual(desk.upcoming("anna"))
        expect(bundle.until - bundle.made).toBe(30 * 86_400_000)
        const { key } = signingKey(KEYS.signing[0]!.seed)
        expect(bundle.keys).toEqual([Buffer.from(key).toString("base64")])
        expect(verifySignature(key, signedBytes(signed), Buffer.from(signatures[0]!, "base64"))).toBe(true)
        await expect(bundleIn(www(), { ...anna, identity: bob.identity })).rejects.toThrow()
        expect(lines).toEqual([])
    })

    it("publishes again after a use, with a greater serial and without what was used", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        const { publisher } = start()
        await publisher.publishNow()
        const first = parseSigned(await bundleIn(www(), anna))
        desk.use("anna")
        await before(async () => {
            const second = parseSigned(await bundleIn(www(), anna))
            if (!first.ok || !second.ok) throw new Error("no bundle")
            expect(second.value.bundle.serial).toBeGreaterThan(first.value.bundle.serial)
            expect(second.value.bundle.doors[0]!.sequences[0]!.counter).toBe(1)
        })
    })

    it("makes one publication of many changes, and none is lost that comes during one", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        let runs = 0
        const { publisher } = start({
            target: () => ({
                name: "count",
                publish: async () => {
                    runs++
                    desk.use("anna")
                    if (runs > 3) throw new Error("too many")
                    return { ok: true }
                },
            }),
        })
        for (let i = 0; i < 50; i++) desk.use("anna")
        await before(() => expect(runs).toBeGreaterThan(1))
        await publisher.stop()
        expect(runs).toBeLessThan(4)
    })

    it("takes away the file of somebody who is gone, and fills up with files of nobody", async () => {
        const [anna, bob] = [await reader("anna"), await reader("bob")]
        for (const { name, recipient } of [anna, bob]) desk.add(name, recipient)
        const { publisher } = start({ files: 5 })
        await publisher.publishNow()
        expect(readdirSync(www())).toHaveLength(5)
        desk.people.delete("bob")
        await publisher.publishNow()
        expect(readdirSync(www())).toHaveLength(5)
        await expect(bundleIn(www(), bob)).rejects.toThrow("ENOENT")
        expect(await bundleIn(www(), anna)).toContain("knocker anna")
    })

    it("shows an observer the same, with one knocker or many, used or unused", async () => {
        const all = [await looks(1, []), await looks(50, []), await looks(50, ["k3"]), await looks(1, ["k0"])]
        for (const { first, second } of all) {
            for (const files of [first, second]) {
                expect(files).toHaveLength(52)
                expect(new Set(files.map(({ size, mode, changed }) => `${size} ${mode} ${changed}`)).size).toBe(1)
                expect(files[0]).toMatchObject({ size: 4096, mode: 0o644 })
                for (const { name, text } of files) {
                    expect(name).toMatch(/^[a-z2-7]{32}$/)
                    expect(text).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/)
                    // What stands unencrypted in the head of an age file: the kinds of its recipients.
                    const head = Buffer.from(text.split("\n").slice(1, 9).join(""), "base64").toString("latin1")
                    expect(
                        head
                            .split("\n")
                            .map((line) => line.split(" ").slice(0, 2).join(" "))
                            .filter((line) => line.startsWith("->")),
                    ).toEqual(["-> X25519"])
                }
            }
            // Every file is another one afterwards, whether it was used or not.
            expect(second.filter(({ text }, i) => text === first[i]!.text)).toEqual([])
            expect(second.map(({ name }) => name)).toEqual(first.map(({ name }) => name))
            expect(second[0]!.changed).toBeGreaterThan(first[0]!.changed)
        }
    })

    it("seals what keys were made for to these keys alone, and nobody a list of nothing, when people change meanwhile", async () => {
        const [old, other] = [await reader("k"), await reader("k")]
        // More than go to the press before the first of them is sealed.
        const names = Array.from({ length: 200 }, (_, i) => `k${i}`)
        for (const name of names) desk.add(name, old.recipient)
        let sealed = 0
        const seal: Sealer["seal"] = async (...words) => {
            if (++sealed === 1) {
                desk.waits = "sequences are being made"
                setTimeout(() => {
                    for (const name of names) {
                        desk.add(name, other.recipient)
                        desk.next.set(name, 100)
                    }
                    desk.people.delete("k7")
                    desk.people.delete("k8")
                    desk.waits = null
                }, 20)
            }
            return sealer.seal(...words)
        }
        const { publisher } = start({ more: { press: pressOf({ seal }) } })
        await publisher.publishNow()
        const counters = { old: [] as string[], other: [] as string[] }
        for (const { text } of seen(www())) {
            const whose = await decrypted(text, old.identity).then(
                () => "old" as const,
                () => "other" as const,
            )
            const bundle = await decrypted(text, { old, other }[whose].identity)
            counters[whose].push(/^hits ssh (\d+) /m.exec(bundle)?.[1] ?? "none")
        }
        expect(new Set(counters.old)).toEqual(new Set(["0"]))
        expect(new Set(counters.other)).toEqual(new Set(["100"]))
        expect(counters.other.length).toBeGreaterThan(9)
    })

    it("waits for no target that was taken away, until its own end", async () => {
        desk.add("anna", (await reader("anna")).recipient)
        let publish: Bundles["publish"] = ["/hang", www()].map((directory) => ({ kind: "directory", directory }))
        let release: (() => void) | undefined
        let ended = false
        const one = start({
            more: { bundles: () => ({ ...one.bundles, publish }) },
            target: (target) =>
                target.kind === "directory" && target.directory === "/hang"
                    ? {
                          name: "hang",
                          // A program that hears nothing before its time is over.
                          publish: () =>
                              new Promise((resolve) => {
                                  release = () => resolve({ ok: false, detail: "over" })
                              }),
                      }
                    : directoryTarget(www()),
        })
        one.publisher.changed()
        await before(() => expect(readdirSync(www())).toHaveLength(1))
        const { serial } = one.publisher.standing().last!
        publish = publish.slice(1)
        one.publisher.changed()
        await before(() => expect(one.publisher.standing().targets[0]!.serial).toBeGreaterThan(serial))
        const stopped = one.publisher.stop().then(() => (ended = true))
        await new Promise((resolve) => setImmediate(resolve))
        expect(ended).toBe(false)
        release?.()
        await stopped
    })

    it("makes files of nobody as large, of as many recipients and of the same kinds as those of others", async () => {
        // Two of them have so many keys that their files are larger.
        const keys = (await Promise.all(Array.from({ length: 20 }, (_, i) => reader(`key${i}`)))).map(
            ({ recipient }) => recipient,
        )
        for (let i = 0; i < 6; i++) desk.add(`k${i}`, keys[i]!)
        const { recipient } = await generateIdentity("age-pq")
        desk.add("pq", recipient)
        for (const name of ["k0", "k1"]) desk.addKeys(name, keys)
        const { publisher } = start({ files: 80 })
        await publisher.publishNow()
        const first = shapes()
        // The one, the two and the four that are somebody's, and more of each.
        const kinds = first.map((one) => one.slice(33))
        expect(new Set(kinds).size).toBe(3)
        for (const kind of kinds) expect(kinds.filter((one) => one === kind).length).toBeGreaterThan(2)
        desk.use("k3")
        await publisher.publishNow()
        expect(shapes()).toEqual(first)
    })

    it("leaves a key out that cannot receive, says so once, and goes on with the others", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        const bad = { kind: "ssh-ed25519", line: "ssh-ed25519 AAAA", text: "ssh-ed25519 AAAA", comment: "" } as const
        const person = desk.people.get("anna")!
        desk.people.set("anna", { ...person, recipients: [bad, ...person.recipients] })
        desk.people.set("bob", { ...person, name: "bob", recipients: [bad] })
        const seal: Sealer["seal"] = async (text, kind, recipients, now) => {
            if (recipients.includes(bad)) return { ok: false, line: bad.line, detail: "nobody can have this key" }
            return sealer.seal(text, kind, recipients, now)
        }
        const { publisher, lines } = start({ more: { press: pressOf({ seal }) } })
        await publisher.publishNow()
        await publisher.publishNow()
        expect(readdirSync(www())).toHaveLength(1)
        expect(await bundleIn(www(), anna)).toContain("knocker anna")
        expect([...publisher.inLast(["bob", "anna", "nobody"])]).toEqual(["anna"])
        expect(lines).toEqual([
            "warning: publish: anna: nobody can have this key: left out of the bundle",
            "warning: publish: bob: nobody can have this key: left out of the bundle",
        ])
    })

    it("waits for what is missing, says why, and publishes as soon as it is there", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        desk.waits = "the journal cannot be used yet"
        let keys: typeof KEYS | string = "gateway.keys is damaged"
        const { publisher, lines } = start({ more: { keys: () => Promise.resolve(keys) } })
        await publisher.publishNow()
        expect(publisher.standing()).toMatchObject({ trouble: "the journal cannot be used yet", last: null })
        desk.waits = null
        await before(() => expect(publisher.standing().trouble).toBe("gateway.keys is damaged"))
        expect(readdirSync(www())).toEqual([])
        keys = KEYS
        await before(() => expect(publisher.standing().trouble).toBeNull())
        // The desk says itself what it waits for: nothing is wrong at each start.
        expect(lines).toEqual(["error: publish: no bundles are made: gateway.keys is damaged"])
    })

    it("is held back by no target: one that fails and one that hangs do not keep others waiting", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        let fails = 0
        const made: Record<string, Target> = {
            "/hang": {
                name: "hang",
                publish: (_, signal) =>
                    new Promise((resolve) =>
                        signal.addEventListener("abort", () => resolve({ ok: false, detail: "ended" })),
                    ),
            },
            "/fail": {
                name: "fail",
                publish: async () => (++fails < 3 ? { ok: false, detail: "no room" } : { ok: true }),
            },
        }
        const { publisher, lines } = start({
            publish: ["/hang", "/fail", www()].map((directory) => ({ kind: "directory", directory })),
            target: (target) => {
                const path = target.kind === "directory" ? target.directory : ""
                return made[path] ?? directoryTarget(path)
            },
        })
        publisher.changed()
        await before(async () => expect(await bundleIn(www(), anna)).toContain("knocker anna"))
        desk.use("anna")
        await before(async () => expect(await bundleIn(www(), anna)).not.toContain("hits ssh 0 "))
        await before(() => expect(publisher.standing().targets[1]).toMatchObject({ trouble: null, failures: 0 }))
        expect(lines.filter((line) => line.includes("fail"))).toEqual([
            "warning: publish: fail: no room: trying again",
            "notice: publish: fail: works again",
        ])
    })

    it("says when a disk is full or read-only, leaves what is published, and goes on when there is room", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        let broken: string | null = null
        const effect = (what: string, path: string) => {
            if (what === "write" && broken !== null && path.includes("/state/"))
                throw Object.assign(new Error(`${broken}: no, open '${path}'`), { code: broken })
        }
        const { publisher, lines } = start({ effect })
        await publisher.publishNow()
        const published = seen(www())
        for (const code of ["ENOSPC", "EROFS"]) {
            broken = code
            desk.use("anna")
            await before(() => expect(publisher.standing().trouble).toContain(code))
            expect(seen(www())).toEqual(published)
            await publisher.publishNow()
            broken = null
            await before(() => {
                const { trouble, last, targets } = publisher.standing()
                expect([trouble, targets[0]!.serial]).toEqual([null, last!.serial])
            })
            published.splice(0, published.length, ...seen(www()))
        }
        expect(readdirSync(join(folder, "state/bundles"))).toHaveLength(1)
        // Once each, however often it is tried; what is written has another name each time.
        expect(lines).toEqual(
            ["ENOSPC", "EROFS"].map(
                (code) => `error: publish: no bundles are made: ${code}: no, open '${join(folder, "state")}/…'`,
            ),
        )
    })

    it("publishes anew when its time has come, and when the clock was set", async () => {
        const anna = await reader("anna")
        desk.add("anna", anna.recipient)
        let now = Date.UTC(1970, 0, 2)
        const { publisher } = start({ more: { wall: () => now, look: 5 } })
        await publisher.publishNow()
        now = Date.UTC(2026, 4, 1)
        await before(async () => expect(await bundleIn(www(), anna)).toContain("made 2026-05-01T00:00:00Z"))
        const { serial } = publisher.standing().last!
        now += 30_000
        publisher.changed()
        await before(() => expect(publisher.standing().last!.serial).toBeGreaterThan(serial))
        await publisher.stop()
        const every = start({ more: { wall: () => now, bundles: () => ({ ...every.bundles, every: 20 }) } })
        await every.publisher.publishNow()
        const first = every.publisher.standing().last!.serial
        await before(() => expect(every.publisher.standing().last!.serial).toBeGreaterThan(first))
    })

    it("never uses a serial twice, even if the state is old, gone or damaged", async () => {
        desk.add("anna", (await reader("anna")).recipient)
        let now = Date.UTC(2026, 4, 1)
        const { publisher } = start({ more: { wall: () => now } })
        const serials: number[] = []
        const publish = async () => {
            await publisher.publishNow()
            serials.push(publisher.standing().last!.serial)
        }
        await publish()
        await publish()
        now -= 86_400_000
        await publish()
        now += 2 * 86_400_000
        rmSync(join(folder, "state/publication"))
        await publish()
        now += 1000
        writeFileSync(join(folder, "state/publication"), "{")
        await publish()
        expect(serials).toEqual([...new Set(serials)].sort((a, b) => a - b))
    })

    it("keeps what it writes for itself from others, and leaves it readable for programs that copy it", async () => {
        desk.add("anna", (await reader("anna")).recipient)
        const { publisher } = start()
        await publisher.publishNow()
        const state = (name: string) => join(folder, "state", name)
        expect(readFileSync(state("publication"), "utf8")).toMatch(/^\{"serial":\d+,"changed":\d+\}\n$/)
        chmodSync(folder, 0o700)
        expect(existsSync(state("bundles"))).toBe(true)
        expect(seen(state("bundles")).map(({ text }) => text)).toEqual(seen(www()).map(({ text }) => text))
    })

    it("shows programs that copy the last files nothing of those that are being made", async () => {
        const state = join(folder, "state")
        const spool = new Spool(state)
        const turn = await spool.begin(1_700_000_000_000)
        const write = (name: string) => {
            const half = writeHalf(spool.halves, Buffer.from(name), { mode: 0o644, changed: turn.changed })
            return { name, half }
        }
        const [one, two] = [write("one"), write("two")]
        expect(readdirSync(spool.directory)).toEqual([])
        await spool.finish([one], turn)
        expect(readdirSync(spool.directory)).toEqual(["one"])
        expect(existsSync(two.half)).toBe(true)
        // Killed before the end: the next one clears up.
        await spool.begin(1_700_000_000_000)
        expect(readdirSync(join(state, "bundles.new"))).toEqual([])
        expect(statSync(join(state, "bundles.new")).mode & 0o777).toBe(0o700)
    })
})
