/** Why bundles and servers are refused: each reason, by the command itself, in this process. */
import { mkdtempSync, rmSync } from "node:fs"
import type { RequestListener } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pico from "picocolors"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { generateIdentity } from "../../../src/adapters/sealing/portable/generate.ts"
import { readKey } from "../../../src/adapters/sealing/read-key.ts"
import { generateSigningKey } from "../../../src/adapters/sealing/sign.ts"
import { enrollAsAsked } from "../../../src/cli/device/enroll.ts"
import { type FetchOptions, fetchAsAsked } from "../../../src/cli/device/fetch.ts"
import { getFile, isOurselves } from "../../../src/cli/device/get.ts"
import type { Recipient } from "../../../src/core/one-time/recipient.ts"
import type { Terminal } from "../../../src/voice/terminal.ts"
import { type Different, type Publisher, startPublisher } from "../../lab/publisher.ts"

let home: string
let publisher: Publisher
let anna: Recipient

/** A terminal that notes what is said. */
function noting(): { readonly terminal: Terminal; readonly data: string[]; readonly voice: string[] } {
    const [data, voice]: [string[], string[]] = [[], []]
    const tell = (what: string, ...hints: readonly string[]) => void voice.push(what, ...hints)
    const terminal: Terminal = {
        say: tell,
        error: tell,
        warn: tell,
        out: (line) => void data.push(line),
        redraw: () => {},
        interactive: false,
        colour: pico.createColors(false),
        env: { HOME: home },
    }
    return { terminal, data, voice }
}

async function recipient(text: string): Promise<Recipient> {
    const read = await readKey(text, Date.now())
    if (!read.ok) throw new Error(read.why)
    return read.recipient
}

/** `postern fetch gate`. */
async function fetched(options: FetchOptions = {}) {
    const { terminal, data, voice } = noting()
    const status = await fetchAsAsked("gate", null, options, terminal)
    return { status, data, voice: voice.join("\n") }
}

beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "postern-device-"))
    const doors = [
        { name: "ssh", opens: [], within: 15_000, sequences: [{ counter: 0, hits: [{ protocol: "udp", port: 9 }] }] },
    ] as const
    publisher = await startPublisher({ gateway: "127.0.0.1", doors })
    const { terminal, data } = noting()
    expect(await enrollAsAsked(publisher.link, { new: true, name: "gate" }, terminal)).toBe(0)
    anna = await recipient(/age1\w+/.exec(data.join())![0])
    await publisher.publish([anna], "age")
})

afterEach(async () => {
    await publisher.close()
    rmSync(home, { recursive: true, force: true })
})

describe("fetchAsAsked() refuses a bundle", () => {
    const other = generateSigningKey()
    const CASES: Readonly<Record<string, readonly [number, RegExp, Different]>> = {
        "signed by somebody else": [4, /not signed by the gateway that you know/, { signers: [other] }],
        "of another gateway": [4, /for the gateway elsewhere, not for 127\.0\.0\.1/, { gateway: "elsewhere" }],
        "of another knocker": [4, /for the knocker bob, not for anna/, { knocker: "bob" }],
        "older than one that was seen": [
            7,
            /older than one that was seen before: serial 100, after 101/,
            { serial: 100 },
        ],
        "changed under the same serial": [
            7,
            /two different bundles have the same serial 101/,
            { serial: 101, until: 9e11 },
        ],
        "past its time": [7, /time was over at 2026-01-01T00:00:00/, { until: Date.UTC(2026, 0, 1) }],
        "tampered with": [
            4,
            /not signed by the gateway/,
            { spoil: (text) => text.replace("within 15s", "within 16s") },
        ],
        "of a later version": [4, /later version/, { spoil: (text) => text.replace("bundle 1", "bundle 2") }],
        "no bundle at all": [4, /no bundle \(line \d+\)/, { spoil: () => "hello\n" }],
        "cut short": [4, /no bundle \(line \d+\)/, { spoil: (text) => text.slice(0, -100) }],
    }

    it.each(Object.entries(CASES))("%s", async (_, [status, reason, different]) => {
        expect(await fetched()).toMatchObject({ status: 0, voice: "" })
        await publisher.publish([anna], "age", different)
        expect(await fetched()).toEqual({ status, data: [], voice: expect.stringMatching(reason) })
        // What was fetched before is still there, and still right.
        expect(await fetched({ offline: true })).toMatchObject({ status: 0, voice: "" })
    })

    it("whose file is damaged, cut short, of another kind, or of somebody else", async () => {
        const good = await publisher.publish([anna], "age")
        const bob = await recipient((await generateIdentity("age")).recipient)
        const flipped = Buffer.from(good)
        flipped[1500] = flipped[1500] === 65 ? 66 : 65
        const files: readonly (readonly [Uint8Array, RegExp])[] = [
            [flipped, /no bundle that can be read/],
            [good.subarray(0, 1500), /no bundle that can be read/],
            [
                Buffer.from("<html>Not found</html>"),
                /http:\S+: what came is no bundle that can be read[\s\S]*does this network want a login first/,
            ],
            [new Uint8Array(0), /no bundle that can be read/],
            [await publisher.publish([bob], "age"), /cannot be decrypted[\s\S]*has not added this device's key/],
        ]
        for (const [file, reason] of files) {
            publisher.put("age", file)
            expect(await fetched()).toEqual({ status: 4, data: [], voice: expect.stringMatching(reason) })
        }
    })
})

const endless: RequestListener = (_, response) => {
    const piece = Buffer.alloc(65_536, "A")
    const more = () => {
        while (!response.destroyed && response.write(piece));
    }
    response.on("drain", more)
    more()
}

describe("fetchAsAsked() leaves a server", () => {
    const SERVERS: readonly (readonly [RequestListener, RegExp])[] = [
        [() => {}, /does not answer in time/],
        [(_, response) => void response.write("-----BEGIN AGE"), /does not answer in time/],
        [endless, /more than any bundle has/],
        [
            (request, response) => response.writeHead(302, { location: request.url }).end(),
            /leads elsewhere: more than 5/,
        ],
        [
            (_, response) => response.writeHead(301, { location: "file:///etc/passwd" }).end(),
            /leads elsewhere: to file:/,
        ],
        [(_, response) => response.writeHead(301).end(), /leads elsewhere: to nowhere/],
        [
            (_, response) => response.writeHead(301, { location: "http://anna:secret@127.0.0.1:1/" }).end(),
            /leads elsewhere: with a password$/m,
        ],
        [(_, response) => response.writeHead(503).end(), /answers 503/],
        [(_, response) => response.writeHead(304).end(), /answers 304/],
        [(_, response) => response.writeHead(511).end(), /answers 511\n[\s\S]*want a login first/],
        [(request) => request.socket.end("SSH-2.0-none\r\n"), /what answers there does not speak http\n/],
        [(request) => request.socket.destroy(), /cannot be reached: it broke off/],
        [
            (_, response) => response.writeHead(200, { "content-length": 5000 }).end("short", () => response.destroy()),
            /cannot be reached/,
        ],
    ]

    it.each(SERVERS.map((one, n) => [one[1].source, n] as const))("that makes it say: %s", async (_, n) => {
        const [misbehaviour, reason] = SERVERS[n]!
        publisher.misbehave(misbehaviour)
        const timeout = n < 2 ? "200ms" : "10s"
        expect(await fetched({ timeout })).toEqual({ status: 5, data: [], voice: expect.stringMatching(reason) })
    })
})

describe("isOurselves()", () => {
    it.each([
        ["localhost", true],
        ["a.localhost.", true],
        ["127.1", true],
        ["0x7f000001", true],
        ["0", true],
        ["[::1]", true],
        ["[::]", true],
        ["[::ffff:127.0.0.1]", true],
        ["localhost.example", false],
        ["128.0.0.1", false],
        ["127.example", false],
        ["[::2]", false],
        ["[2001:db8::7f00:1]", false],
    ])("%s: %s", (host, expected) => {
        expect(isOurselves(new URL(`http://${host}/`))).toBe(expected)
    })
})

describe("getFile()", () => {
    it.each([
        ['"a-1!"', '"a-1!"'],
        ['W/"a"', 'W/"a"'],
        ["a", null],
        [`"${"a".repeat(129)}"`, null],
        ['"a\u00e9"', null],
        ['"a", "b"', null],
    ])("keeps of a server's tag only what it can send back: %s", async (etag, kept) => {
        publisher.misbehave((_, response) => response.writeHead(200, { etag }).end("it"))
        const options = { etag: null, timeout: 10_000, most: 10, interrupted: new AbortController().signal }
        expect(await getFile(publisher.url, options)).toMatchObject({ ok: true, etag: kept })
    })
})
