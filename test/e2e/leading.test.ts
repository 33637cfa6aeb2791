/**
 * A real sshd that listens on loopback alone, and is led to: to strangers its port is one where nothing listens, with or
 * without our table, and those who knocked come in.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import {
    type Daemon,
    type Host,
    knockPlainly,
    type Lab,
    listTable,
    makeLab,
    POSTERN,
    portState,
    untilPort,
} from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { openSshSession, type Sshd, startSshd } from "../lab/sshd.ts"

const CONFIGURATION = `
[[door]]
name   = "ssh"
opens  = ["tcp/22"]
for    = "3s"
hide   = true
always = ["10.77.0.4/32"]
[door.sequence]
hits   = ["32144", "21312", "27015"]
`
/** A closed port beside it. */
const CLOSED = 23

let lab: Lab<"knocker" | "stranger" | "friend">
let sshd: Sshd
let daemon: Daemon

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger", "friend"])
    sshd = await startSshd(lab.gateway, lab.scratch, 22, "loopback")
    daemon = await lab.startDaemon(CONFIGURATION)
})

afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

const addresses = () => [lab.gateway.v4, lab.gateway.v6]

function wrong(service: string) {
    return lab.gateway.exec([POSTERN, "lead", service, "--wait", "10ms"])
}

function lead(...options: readonly string[]) {
    return lab.gateway.exec([POSTERN, "lead", "tcp/22", ...options])
}

async function knock(from: Host, address: string): Promise<void> {
    knockPlainly(from, address, ["32144", "21312", "27015"])
    expect(await untilPort("open", from, address, 22)).toBe("open")
}

/** What the answer to a SYN with a DSCP looks like: the kernel's own reset has it, too, and a filter's has not. */
async function answer(port: number): Promise<string> {
    const probe = ["hping3", "-n", "-V", "-c", "1", "-S", "-o", "b8", "-p", String(port), lab.gateway.v4]
    const { stdout } = await lab.hosts.stranger.run(probe)
    return /flags=(\S+)|tos=(\S+)/g[Symbol.match](stdout)?.join(" ") ?? stdout
}

it("nobody comes in before it can be led to, not by a knock either", async () => {
    const { knocker } = lab.hosts
    knockPlainly(knocker, lab.gateway.v4, ["32144", "21312", "27015"])
    await daemon.log.waitFor(/10\.77\.0\.2: open: tcp\/22/)
    expect(await portState(knocker, lab.gateway.v4, 22)).toBe("refused")
    await daemon.log.waitFor(/10\.77\.0\.2: closed on time/)
})

it("is led to by those who knocked, over both families, and sees who they are", async () => {
    expect(
        lead()
            .stdout.split("\n")
            .filter((line) => line !== ""),
    ).toEqual([
        expect.stringMatching(/^tcp\/22 at 127\.0\.0\.1, sshd\[\d+\]: granted sources are led here$/),
        expect.stringMatching(/^tcp\/22 at ::1, sshd\[\d+\]: granted sources are led here$/),
    ])
    const { knocker, stranger } = lab.hosts
    for (const address of addresses()) {
        await knock(knocker, address)
        expect(await portState(stranger, address, 22)).toBe("refused")
        const { stdout } = await knocker.run(sshd.client(address, "echo", "$SSH_CONNECTION"))
        const [from, , to, port] = stdout.trim().split(" ")
        expect([from, to, port]).toEqual([address === lab.gateway.v4 ? knocker.v4 : knocker.v6, address, "22"])
    }
})

it("answers strangers with the kernel's own reset, as the port beside it does", async () => {
    expect(await answer(22)).toContain("tos=b8")
    expect(await answer(22)).toBe(await answer(CLOSED))
})

it("is led to by the networks of `always` without a knock", async () => {
    expect(await portState(lab.hosts.friend, lab.gateway.v4, 22)).toBe("open")
    expect(await portState(lab.hosts.friend, lab.gateway.v6, 22)).toBe("refused")
})

it("is led to again at once when it listens anew, as after a reload, for whoever follows", async () => {
    const following = lab.gateway.start([POSTERN, "lead", "tcp/22", "--follow"])
    const said = collectLines(following, following.stdout!)
    try {
        const from = sshd.log.all.length
        sshd.reload()
        await sshd.log.waitFor(/Server listening on 127\.0\.0\.1/, { from })
        await said.waitFor(/tcp\/22 at 127\.0\.0\.1, sshd\[\d+\]: granted sources are led here/)
        await said.waitFor(/tcp\/22 at ::1, /)
        await knock(lab.hosts.knocker, lab.gateway.v4)
    } finally {
        following.kill("SIGTERM")
    }
})

it("is refused by the firewall as long as it listens outside as well", async () => {
    const outside = lab.gateway.start(["nc", "-lk", lab.gateway.v4, "22"])
    try {
        await expect.poll(() => lead().stderr).toMatch(/listens at 10\.77\.0\.1, too: strangers are refused/)
        expect(await portState(lab.hosts.stranger, lab.gateway.v4, 22)).toBe("refused")
        expect(await answer(22)).not.toBe(await answer(CLOSED))
    } finally {
        outside.kill()
    }
    await expect.poll(() => answer(22)).toBe(await answer(CLOSED))
})

it("is open to everyone when it is unhidden, with and without a daemon, although it listens on loopback alone", async () => {
    const { stranger } = lab.hosts
    const states = async () => Promise.all(addresses().map((address) => portState(stranger, address, 22)))
    expect(await states()).toEqual(["refused", "refused"])
    lab.gateway.must([POSTERN, "unhide", "tcp/22", "-c", daemon.file, "--socket", daemon.socket])
    expect(await states()).toEqual(["open", "open"])
    await daemon.stop()
    expect(await states()).toEqual(["open", "open"])
    rmSync(join(lab.scratch, "conf.d/hide.toml"))
    daemon = await lab.startDaemon(CONFIGURATION)
    expect(await states()).toEqual(["refused", "refused"])
})

it("a session outlives its grant, the daemon and the table, and without the table nobody comes in", async () => {
    const { knocker } = lab.hosts
    const sessions = []
    for (const address of addresses()) {
        await knock(knocker, address)
        sessions.push(await openSshSession(knocker, sshd, address))
    }
    for (const address of addresses()) expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
    await daemon.stop()
    expect(listTable(lab.gateway)).toContain("chain lead")
    lab.gateway.must(["nft", "delete", "table", "inet", "postern"])
    for (const address of addresses()) {
        expect(await portState(knocker, address, 22)).toBe("refused")
        expect(await portState(lab.hosts.friend, address, 22)).toBe("refused")
    }
    for (const session of sessions) {
        await session.say("still here")
        session.end()
    }
})

it("works alike by iptables and ipset, and is mended when others flush their rules", async () => {
    const { knocker, stranger } = lab.hosts
    const other = await lab.startDaemon(`[gateway]\nfirewall = "iptables"\n${CONFIGURATION}`)
    try {
        for (const address of addresses()) {
            await knock(knocker, address)
            expect(await portState(stranger, address, 22)).toBe("refused")
        }
        lab.gateway.must(["iptables", "-t", "mangle", "-F"])
        await other.log.waitFor(/somebody took our table or a part of it away: it was made again/)
        for (const address of addresses()) expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
        await knock(knocker, lab.gateway.v4)
    } finally {
        await other.stop()
    }
    expect(lab.gateway.must(["iptables-save"])).toContain("POSTERN-HIDE")
})

it("says what is missing: a listener, one on loopback, a service that can be led to", () => {
    expect(lead("--off").stdout).toMatch(/no longer led here/)
    expect(wrong("udp/53")).toMatchObject({ status: 2, stderr: expect.stringContaining("only TCP services") })
    expect(wrong("ssh")).toMatchObject({ status: 2, stderr: expect.stringContaining("not a service") })
    expect(wrong("tcp/2222")).toMatchObject({ status: 1, stderr: expect.stringContaining("nothing listens there") })
})
