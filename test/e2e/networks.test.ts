/**
 * Doors whose grants are for the knocker's network, by a real daemon. The hosts, and more addresses of theirs:
 *
 *     knocker   10.77.0.2   fd77::2, and fd77::2:2 as a privacy address      sibling   10.77.0.3   fd77::3
 *     other     10.99.0.4   fd99::4, in a /24 and a /64 beside them
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Daemon, type Host, knockPlainly, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"

const CONFIGURATION = `
[[door]]
name    = "ssh"
opens   = ["tcp/22"]
for     = "1m"
hide    = true
network = { v4 = 24, v6 = 64 }
sequence.hits = ["32144", "21312", "27015"]

[[door]]
name    = "once"
opens   = ["tcp/2222"]
for     = "1m"
uses    = 1
hide    = true
network = { v4 = 24, v6 = 64 }
sequence.hits = ["32145", "21313", "27016"]
`
const KNOCKS = { ssh: ["32144", "21312", "27015"], once: ["32145", "21313", "27016"] }

let lab: Lab<"knocker" | "sibling" | "other">
let daemon: Daemon

beforeAll(async () => {
    lab = makeLab(["knocker", "sibling", "other"])
    const { gateway, hosts } = lab
    for (const [host, number] of [
        [gateway, 1],
        [hosts.other, 4],
    ] as const) {
        host.must(["ip", "address", "add", `10.99.0.${number}/24`, "dev", "eth0"])
        host.must(["ip", "address", "add", `fd99::${number}/64`, "dev", "eth0", "nodad"])
    }
    hosts.other.must(["ip", "address", "del", "10.77.0.4/24", "dev", "eth0"])
    hosts.other.must(["ip", "address", "del", "fd77::4/64", "dev", "eth0"])
    hosts.knocker.must(["ip", "address", "add", "fd77::2:2/64", "dev", "eth0", "preferred_lft", "0"])
    for (const port of [22, 2222]) gateway.start(["nc", "-lk", "::", String(port)])
    gateway.start(["nc", "-lk", "-4", "0.0.0.0", "22"])
    gateway.start(["nc", "-lk", "-4", "0.0.0.0", "2222"])
    for (const address of [gateway.v4, gateway.v6])
        for (const port of [22, 2222]) expect(await untilPort("open", hosts.sibling, address, port)).toBe("open")
    daemon = await lab.startDaemon(CONFIGURATION)
})
afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

const families = () =>
    [
        [lab.gateway.v4, "10.99.0.1", lab.hosts.knocker.v4, "10.77.0.0/24"],
        [lab.gateway.v6, "fd99::1", lab.hosts.knocker.v6, "fd77::/64"],
    ] as const

async function knock(door: keyof typeof KNOCKS, address: string, says: string): Promise<void> {
    const from = daemon.log.all.length
    knockPlainly(lab.hosts.knocker, address, KNOCKS[door])
    await daemon.log.waitFor(new RegExp(` ${door}: \\S+: open.* to ${says.replaceAll(".", "\\.")}: tcp`), { from })
}

it("lets all of a network in after one knock, by any of their addresses, and nobody of the one beside it", async () => {
    const { knocker, sibling, other } = lab.hosts
    for (const [address, beside, , network] of families()) {
        expect(await portState(sibling, address, 22)).toBe("refused")
        await knock("ssh", address, network)
        expect(await portState(knocker, address, 22)).toBe("open")
        expect(await portState(sibling, address, 22)).toBe("open")
        expect(await portState(other, beside, 22)).toBe("refused")
        expect(await portState(sibling, address, 2222)).toBe("refused")
    }
    expect((await from(knocker, "fd77::2:2", lab.gateway.v6)).status).toBe(0)
})

function ask(...argv: readonly string[]): string {
    return lab.gateway.must([POSTERN, ...argv, "--socket", daemon.socket])
}

it("says whom it let in, in status and in the audit trail", () => {
    const { grants } = JSON.parse(ask("status", "--json"))
    for (const [, , source, network] of families())
        expect(grants).toContainEqual(expect.objectContaining({ door: "ssh", source, network }))
    expect(ask("status")).toContain("10.77.0.0/24, by 10.77.0.2")
    expect(ask("log")).toMatch(/ssh: fd77::2: open to fd77::\/64: tcp\/22 for/)
})

it("one of its network that races the others gets in, if it is good for one connection", async () => {
    const { knocker, sibling } = lab.hosts
    for (const [address, , , network] of families()) {
        for (let i = 0; i < 3; i++) {
            await knock("once", address, network)
            const all = await Promise.all([knocker, sibling].map((host) => portState(host, address, 2222)))
            expect(all.toSorted()).toEqual(["open", "refused"])
        }
    }
})

it("outlives the daemon, is known to the next one, and ends for all by one of its addresses", async () => {
    const { sibling } = lab.hosts
    await daemon.stop("SIGKILL")
    for (const [address] of families()) expect(await portState(sibling, address, 22)).toBe("open")
    daemon = await lab.startDaemon(CONFIGURATION)
    for (const [address, , , network] of families()) {
        expect(await portState(sibling, address, 22)).toBe("open")
        const { stdout } = lab.gateway.exec([POSTERN, "status", "--json", "--socket", daemon.socket])
        expect(JSON.parse(stdout).grants).toContainEqual(expect.objectContaining({ door: "ssh", network, by: "found" }))
    }
    for (const source of ["10.77.0.99", "fd77::99"])
        lab.gateway.must([POSTERN, "revoke", source, "--socket", daemon.socket])
    for (const [address] of families()) expect(await portState(sibling, address, 22)).toBe("refused")
})

it("comes back after the table was taken away, and opens by hand for the network of an address", async () => {
    const { sibling, other } = lab.hosts
    lab.gateway.must([POSTERN, "grant", "ssh", "fd77::77", "--socket", daemon.socket])
    const seen = daemon.log.all.length
    lab.gateway.must(["nft", "flush ruleset"])
    await daemon.log.waitFor(/made again/, { from: seen })
    expect(await untilPort("open", sibling, lab.gateway.v6, 22)).toBe("open")
    expect(await portState(other, "fd99::1", 22)).toBe("refused")
})

/** A connection by this address of the host. */
function from(host: Host, source: string, address: string) {
    return host.run(["nc", "-z", "-n", "-w", "1", "-s", source, address, "22"])
}
