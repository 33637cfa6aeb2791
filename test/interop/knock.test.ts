/**
 * Our client opens the doors of the real knockd, over IPv4 and IPv6, by TCP, UDP and both. knockd's start_command
 * notes who knocked; and a knock with one wrong hit opens nothing.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Built, buildClient } from "../lab/client.ts"
import { collectLines } from "../lab/lines.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"

const KNOCKD = "/usr/sbin/knockd"
const why = whyNoNamespaces() ?? (existsSync(KNOCKD) ? null : "needs knockd (Debian package knockd)")

const DOORS: Readonly<Record<string, readonly string[]>> = {
    tcp: ["7000:tcp", "9000:tcp", "8000:tcp"],
    udp: ["7001:udp", "9001:udp", "8001:udp"],
    mixed: ["7002:tcp", "9002:udp", "8002:tcp"],
}

describe.skipIf(why !== null)("postern knock opens the doors of knockd", () => {
    let client: Namespace
    let server: Namespace
    let built: Built
    let scratch: string

    const note = (door: string) => join(scratch, `${door}.opened`)
    const opened = (door: string) => (existsSync(note(door)) ? readFileSync(note(door), "utf8").trim().split("\n") : [])
    const forget = () => {
        for (const door of Object.keys(DOORS)) rmSync(note(door), { force: true })
    }
    const knock = (...args: readonly string[]) =>
        client.must([process.execPath, built.path, "knock", ...args, "--delay", "20ms"])

    beforeAll(async () => {
        client = makeNamespace("client")
        server = makeNamespace("server")
        joinNamespaces(
            { namespace: client, device: "lan0", addresses: ["10.94.0.2/24", "fd94::2/64"] },
            { namespace: server, device: "lan0", addresses: ["10.94.0.1/24", "fd94::1/64"] },
        )
        built = await buildClient(false)
        scratch = mkdtempSync(join(tmpdir(), "postern-knockd-"))
        const doors = Object.entries(DOORS).map(([door, hits]) =>
            [
                `[${door}]`,
                `sequence = ${hits.join(",")}`,
                "seq_timeout = 5",
                "tcpflags = syn",
                `start_command = echo %IP% >> ${note(door)}`,
            ].join("\n"),
        )
        const file = join(scratch, "knockd.conf")
        writeFileSync(file, `[options]\nlogfile = ${join(scratch, "log")}\n${doors.join("\n")}\n`)
        const knockd = server.start(["stdbuf", "-oL", KNOCKD, "-i", "lan0", "-v", "-c", file])
        await collectLines(knockd, knockd.stdout!).waitFor(/listening on lan0/)
    })

    afterAll(() => {
        client?.remove()
        server?.remove()
        built?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })

    it.each<[string, string, string]>(
        Object.keys(DOORS).flatMap((door) => [
            [door, "10.94.0.1", "10.94.0.2"],
            [door, "fd94::1", "fd94::2"],
        ]),
    )("door %s at %s", async (door, address, source) => {
        forget()
        expect(knock(address, ...DOORS[door]!)).toBe(`sent: 3 hits to ${address}\n`)
        await expect.poll(() => opened(door), { timeout: 10_000 }).toEqual([source])
    })

    it.each<[string, string, string]>(
        Object.keys(DOORS).flatMap((door) => [
            [door, "10.94.0.1", "10.94.0.2"],
            [door, "fd94::1", "fd94::2"],
        ]),
    )("door %s at %s, by the client that takes the place of knock", async (door, address, source) => {
        forget()
        const said = DOORS[door]!.map((hit) => `hitting ${hit.slice(5)} ${address}:${hit.slice(0, 4)}\n`)
        const launcher = join(import.meta.dirname, "../../postern")
        expect(client.must([launcher, "knock-compat", "-vd", "20", address, ...DOORS[door]!])).toBe(said.join(""))
        await expect.poll(() => opened(door), { timeout: 10_000 }).toEqual([source])
    })

    it("but not with a wrong hit in between, nor with the hits in another order", async () => {
        forget()
        for (const [first, second, third] of Object.values(DOORS)) {
            knock("10.94.0.1", first!, third!, second!)
            knock("10.94.0.1", first!, second!, first!, third!)
        }
        // The whole knock after the wrong ones is seen after them.
        knock("fd94::1", ...DOORS["udp"]!)
        await expect.poll(() => opened("udp"), { timeout: 10_000 }).toEqual(["fd94::2"])
        expect([...opened("tcp"), ...opened("mixed")]).toEqual([])
    })
})
