/**
 * Bundles as a device uses them, with the built program: one sequence after the other, and against a gateway that is not the
 * right one, a server that lies, hangs or is not there, and a disk that keeps nothing.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { generateSigningKey } from "../../src/adapters/sealing/sign.ts"
import { makeCertificate } from "../lab/certificate.ts"
import { COUNTERS, knockersDevice, recipient } from "../lab/knockers-device.ts"
import { type Different, startPublisher } from "../lab/publisher.ts"

const device = knockersDevice()
const { postern, must, tool, enrolled } = device

const knock = (...more: readonly string[]) => postern(["knock", "gate", "--no-wait", ...more])
const state = () => readdirSync(join(device.home, ".local/state/postern/places"), { recursive: true, encoding: "utf8" })

describe("a bundle that is not as it should be", () => {
    // Every reason is in test/unit/cli/fetch.test.ts: here is what the program makes of it.
    it("is refused with the reason and the exit code, and what was fetched before stays good", async () => {
        const anna = await enrolled()
        await must(["fetch", "gate"])
        const CASES: readonly (readonly [number, RegExp, Different])[] = [
            [4, /not signed by the gateway that you know/, { signers: [generateSigningKey()] }],
            [7, /older than one that was seen before: serial 100, after 101/, { serial: 100 }],
        ]
        for (const [status, reason, different] of CASES) {
            await device.publisher.publish([anna], "age", different)
            const ended = await postern(["fetch", "gate"])
            expect(ended).toEqual({ status, stdout: "", stderr: expect.stringMatching(reason) })
        }
        device.age()
        const sent = await must(["knock", "gate", "--no-wait"])
        expect(sent.stdout).toBe("sent: 1 hit to gate\n")
        expect(sent.stderr).toMatch(
            /warning: the bundle is older .*: the bundle that was fetched before, \d+ \w+ old, is used/,
        )
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("is gone by with a clock that is wrong, if the person says so", async () => {
        await enrolled({ until: Date.UTC(2026, 0, 1) })
        expect((await postern(["fetch", "gate"])).status).toBe(7)
        const told = await must(["fetch", "gate", "--ignore-clock"])
        expect(told.stdout).toContain("good until 2026-01-01T00:00:00Z")
        await must(["knock", "gate", "--no-wait", "--ignore-clock"])
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("may name the gateway's next key, which is believed from then on, and the old one no more", async () => {
        const anna = await enrolled()
        const next = generateSigningKey()
        await device.publisher.publish([anna], "age", { signers: [next, device.publisher.signer] })
        await must(["fetch", "gate"])
        await device.publisher.publish([anna], "age", { signers: [next] })
        await must(["fetch", "gate"])
        await device.publisher.publish([anna], "age")
        expect(await postern(["fetch", "gate"])).toMatchObject({ status: 4 })
        // Somebody who names a key that is not his own gains nothing by it.
        const forged: Different = {
            signers: [next],
            spoil: (text) => text.replace(/^key .*/m, `key ${"A".repeat(43)}=`),
        }
        await device.publisher.publish([anna], "age", forged)
        expect(await postern(["fetch", "gate"])).toMatchObject({ status: 4 })
    })
})

describe("a web server that is not as it should be", () => {
    it("is left with the reason and with 5; a knock goes by what was fetched before", async () => {
        await enrolled()
        device.publisher.misbehave(() => {})
        const hangs = await postern(["fetch", "gate", "--timeout", "200ms"])
        expect(hangs).toMatchObject({ status: 5, stderr: expect.stringContaining("does not answer in time") })
        device.publisher.misbehave((_, response) => response.writeHead(500).end())
        expect(await knock()).toMatchObject({ status: 5 })
        device.publisher.misbehave(null)
        await must(["fetch", "gate"])
        device.age()
        device.publisher.misbehave((_, response) => response.writeHead(500).end())
        const sent = await must(["knock", "gate", "--no-wait"])
        expect(sent.stderr).toMatch(/warning: .*answers 500: the bundle that was fetched before, \d+ \w+ old, is used/)
    })

    it("is followed where it leads, but never from https to http; its certificate must be good", async () => {
        const anna = await enrolled()
        makeCertificate("127.0.0.1", { cert: join(device.home, "tls.crt"), key: join(device.home, "tls.key") })
        const tls = {
            key: readFileSync(join(device.home, "tls.key"), "utf8"),
            cert: readFileSync(join(device.home, "tls.crt"), "utf8"),
        }
        const secure = await startPublisher({ gateway: "127.0.0.1", doors: device.doors, tls })
        try {
            await secure.publish([anna], "age")
            const trust = { NODE_EXTRA_CA_CERTS: join(device.home, "tls.crt") }
            const bare = await postern(["enroll", secure.link, "--new", "--name", "secure"])
            expect(bare).toMatchObject({ status: 5, stderr: expect.stringMatching(/certificate is refused/) })
            await must(["fetch", "secure"], trust)
            secure.misbehave((request, response) => {
                response.writeHead(307, { location: new URL(request.url!, device.publisher.url).href }).end()
            })
            expect(await postern(["fetch", "secure"], trust)).toMatchObject({
                status: 5,
                stderr: expect.stringContaining("from https to http"),
            })
            secure.misbehave(null)
            // The other way it goes on, to a file that is there, but is not signed by the gateway of this profile.
            device.publisher.misbehave((_, response) => {
                response.writeHead(308, { location: `${secure.url}${secure.file("age")}` }).end()
            })
            expect(await postern(["fetch", "gate"], trust)).toMatchObject({ status: 4 })
        } finally {
            await secure.close()
        }
    })
})

describe("sequences", () => {
    it("go out one after the other, each once, and are fetched anew only when that can help", async () => {
        const anna = await enrolled()
        await must(["fetch", "gate"])
        device.publisher.answered()
        expect(await knock()).toMatchObject({ status: 0, stderr: "" })
        expect(device.publisher.answered()).toEqual([])
        device.age()
        await knock()
        expect(device.publisher.answered()).toEqual([`GET /knock/${device.publisher.file("age")} 304`])
        expect(device.gate.hits).toEqual([1, 1, 0, 0, 0])
        // One that does not open is followed by the next, from what is published by then.
        device.openWith(4)
        await device.publisher.publish([anna], "age", {
            doors: [{ ...device.doors[0]!, sequences: device.doors[0]!.sequences.slice(2) }],
        })
        const opened = await must(["knock", "gate", "--timeout", "300ms", "--retries", "3"])
        expect(opened.stdout).toMatch(/^opened/)
        expect(device.gate.hits).toEqual([1, 1, 1, 1, 1])
        device.shut()
        const none = await postern(["knock", "gate"])
        expect(none).toMatchObject({
            status: 7,
            stderr: expect.stringMatching(/every sequence of the bundle is used up/),
        })
    })

    it("go out again when all were tried, those least tried first, with a warning", async () => {
        await enrolled()
        const args = ["knock", "gate", "--timeout", "1ms", "--retries", "6", "--json"]
        const { status, stdout, stderr } = await postern(args)
        expect({ status, ...JSON.parse(stdout) }).toMatchObject({
            status: 1,
            result: "not-opened",
            knocks: 7,
            why: expect.stringMatching(/^tcp\/\d+ of gate does not answer/),
        })
        expect(stderr).toMatch(/warning: every sequence was sent before and did not open/)
        expect(device.gate.hits).toEqual([2, 2, 1, 1, 1])
        expect((await must(["fetch", "gate", "--json"])).stdout).toContain('"left":0,"tried":5')
    })

    it("are shared out between processes that knock at the same time", async () => {
        await enrolled()
        await must(["fetch", "gate"])
        const ended = await Promise.all(Array.from({ length: COUNTERS }, () => knock()))
        expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0])
        expect(device.gate.hits).toEqual([1, 1, 1, 1, 1])
    })

    it("are not touched by a door that is open already, nor by a plan", async () => {
        await enrolled()
        device.openWith(0)
        await must(["knock", "gate", "ssh"])
        const again = await must(["knock", "gate", "ssh"])
        expect(again.stdout).toMatch(/^already open/)
        const plan = await must(["knock", "gate", "ssh", "--dry-run"])
        expect(plan.stdout).toContain(`${device.gate.sockets[1]!.address().port}:udp`)
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
        expect(await postern(["knock", "gate", "web"])).toMatchObject({
            status: 2,
            stderr: expect.stringContaining('gate has no door "web"'),
        })
    })

    it("are shown as lines to type, and nowhere else", async () => {
        await enrolled()
        const port = device.gate.sockets[0]!.address().port
        const printed = await must(["fetch", "gate", "ssh", "--print"])
        expect(printed.stdout).toContain(`\necho | nc -u -w1 127.0.0.1 ${port}\n`)
        expect(printed.stdout).toContain(`#   bash -c 'echo > /dev/udp/127.0.0.1/${port}'\n`)
        const said = [await must(["fetch", "gate"]), await must(["fetch", "gate", "--json"]), await knock("-q")]
        for (const { stdout, stderr } of said) expect(stdout + stderr).not.toContain(String(port))
        expect(JSON.parse((await must(["fetch", "gate", "--json", "--print"])).stdout).doors[0].next).toEqual({
            counter: 1,
            hits: [`${device.gate.sockets[1]!.address().port}:udp`],
        })
        // What is kept on the disk opens nothing.
        for (const name of state()) expect(name).not.toContain(String(port))
    })
})

describe("without a network, or a place to write", () => {
    it("knocks by what was fetched before, or brought by another way", async () => {
        const anna = await enrolled()
        expect(await knock("--offline")).toMatchObject({
            status: 5,
            stderr: expect.stringContaining("was fetched before"),
        })
        const file = await device.publisher.publish([anna], "age")
        await device.publisher.close()
        writeFileSync(join(device.home, "bundle.age"), file)
        expect((await must(["fetch", "gate", "--file", "bundle.age"])).stdout).toContain("5 left")
        const said = await must(["knock", "gate", "--no-wait"])
        expect(said.stderr).toMatch(/cannot be reached: connection refused: the bundle that was fetched before is used/)
        expect(await knock("--offline")).toMatchObject({ status: 0, stderr: "" })
        expect(device.gate.hits).toEqual([1, 1, 0, 0, 0])
    })

    it("knocks without a cache, but never without keeping what it has tried", async () => {
        await enrolled()
        writeFileSync(join(device.home, "file"), "")
        const cache = { XDG_CACHE_HOME: join(device.home, "file") }
        const sent = await must(["knock", "gate", "--no-wait"], cache)
        expect(sent.stderr).toMatch(/warning: the bundle cannot be kept/)
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
        const refused = await postern(["knock", "gate", "--no-wait"], { XDG_STATE_HOME: join(device.home, "file") })
        expect(refused).toMatchObject({
            status: 1,
            stderr: expect.stringMatching(/what was seen and tried cannot be kept/),
        })
        expect(device.gate.hits).toEqual([1, 0, 0, 0, 0])
    })

    it("says so when it no longer knows what it has seen, and goes on only if it is told to", async () => {
        await enrolled()
        await must(["fetch", "gate"])
        rmSync(join(device.home, ".local"), { recursive: true })
        for (const args of [
            ["fetch", "gate"],
            ["knock", "gate", "--no-wait"],
        ])
            expect(await postern(args)).toMatchObject({ status: 7, stderr: expect.stringContaining("no longer knows") })
        expect(device.gate.hits).toEqual([0, 0, 0, 0, 0])
        await must(["fetch", "gate", "--afresh"])
        await must(["knock", "gate", "--no-wait"])
    })

    it("fetches by a link alone, on a machine that is not enrolled", async () => {
        tool("age-keygen", "-o", "key.txt")
        await device.publisher.publish([await recipient(tool("age-keygen", "-y", "key.txt"))], "age")
        const printed = await must(["fetch", device.publisher.link, "ssh", "--identity", "key.txt", "--print"])
        expect(printed.stdout).toMatch(/^# ssh, opens tcp\/\d+ within 15s: these lines/)
        const bad = await postern(["fetch", device.publisher.link.replace("postern=1", "postern=2")])
        expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining("later version") })
    })
})
