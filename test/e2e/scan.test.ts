/** `postern scan` where there is something to tell, or nothing to be seen: an open port, a redirection, a router in between. */
import { createServer } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { enterNamespace } from "../lab/enter.ts"
import { type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { joinByTunnel } from "../lab/tunnel.ts"

let lab: Lab<"stranger">
/** Probes end their connections in every way there is. */
const server = createServer((socket) => socket.on("error", () => {})).unref()

beforeAll(async () => {
    lab = makeLab(["stranger"])
    const leave = enterNamespace(lab.gateway)
    try {
        await new Promise<void>((resolve) => server.listen(8022, "::", resolve))
    } finally {
        leave()
    }
})

afterAll(() => {
    server.close()
    lab?.remove()
})

function scan(host: string, ...options: readonly string[]) {
    return lab.hosts.stranger.run([POSTERN, "scan", host, "--no-pace", "--rounds", "1", ...options], {
        timeout: 60_000,
    })
}

/** What is said of a host that cannot be looked at. */
async function said(host: string): Promise<string> {
    const { status, stderr } = await scan(host)
    expect(status).toBe(5)
    return stderr
}

it("says of an open port that it is open, by name of what tells it, and fails", async () => {
    for (const address of [lab.gateway.v4, lab.gateway.v6]) {
        const { status, stdout, stderr } = await scan(address, "--port", "tcp/8022", "--verbose")
        expect(status).toBe(1)
        expect(stderr).toContain(`warning: ${address}: the port is open to this host`)
        expect(stdout).toContain("tcp/8022 can be told from a closed port")
        expect(stdout).toMatch(/^ {2}flags: SYN: .*flags SA, closed: RA/m)
    }
})

it("takes no open port for a closed one: the next two that are closed, or a refusal", async () => {
    const { stdout } = await scan(lab.gateway.v4, "--port", "tcp/8021")
    expect(stdout).toContain("beside tcp/8023 and tcp/8024")
    expect(stdout).toContain("cannot be told from a closed port by any of 130 probes")
})

it("finds the port that a redirection leads to by its flow labels", async () => {
    lab.gateway.must(["nft", "add table ip6 other"])
    lab.gateway.must(["nft", "add chain ip6 other pre { type nat hook prerouting priority dstnat; policy accept; }"])
    lab.gateway.must(["nft", "add rule ip6 other pre tcp dport 22 redirect to :9"])
    try {
        const { status, stdout } = await scan(lab.gateway.v6)
        expect(status).toBe(1)
        expect(stdout).toContain("flow labels: tcp/9 has the same, so the same socket answers for both")
    } finally {
        lab.gateway.must(["nft", "delete table ip6 other"])
    }
})

it("leaves out what only the host's own link carries, and says so", async () => {
    for (const [address, via, family] of [
        ["10.79.0.1", lab.gateway.v4, "-4"],
        ["fd79::1", lab.gateway.v6, "-6"],
    ] as const) {
        lab.gateway.must(["ip", family, "address", "add", address, "dev", "lo"])
        lab.hosts.stranger.must(["ip", family, "route", "add", address, "via", via])
        const { status, stdout } = await scan(address)
        expect(status).toBe(0)
        expect(stdout).toContain("not on its own link")
        expect(stdout).toMatch(/ {2}2[3-5] left out: they need a place on the same link/)
    }
    const { stdout } = await scan(lab.gateway.v4, "--no-spoof")
    expect(stdout).toContain("10 left out: --no-spoof")
})

it("looks along a link without a header", async () => {
    const leave = joinByTunnel("tn", [
        [lab.hosts.stranger, ["10.88.0.2/24", "fd88::2/64"]],
        [lab.gateway, ["10.88.0.1/24", "fd88::1/64"]],
    ])
    try {
        const [four, six] = await Promise.all([scan("10.88.0.1"), scan("fd88::1")])
        expect(four.stdout).toContain("cannot be told from a closed port by any of 105 probes")
        expect(six.stdout).toContain("cannot be told from a closed port by any of 102 probes")
        expect(four.stdout).toContain("10.88.0.1, by tn, not on its own link")
        expect([four, six].map(({ status }) => status)).toEqual([0, 0])
    } finally {
        leave()
    }
})

it("says why it cannot look: at itself, at nobody, by no way, without rights", async () => {
    const { stranger } = lab.hosts
    expect(await said(stranger.v4)).toContain("this host itself: look from another one")
    expect(await said("10.77.0.99")).toContain("nobody on the link has this address")
    stranger.must(["ip", "-6", "route", "del", "default"])
    expect(await said("2001:db8::7")).toContain("no way there")
    const bare = ["setpriv", "--bounding-set=-net_raw", POSTERN, "scan", lab.gateway.v4]
    expect(stranger.exec(bare)).toMatchObject({ status: 6, stderr: expect.stringContaining("it takes root") })
    expect(stranger.exec([POSTERN, "scan", lab.gateway.v4, "--port", "22"]).status).toBe(2)
})
