/**
 * Each program people knock with opens the door for its own host alone, over both families, and the door closes by
 * itself. `stranger` tries the same port at the same moments and is refused at all of them.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { chromium } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Daemon, type Host, type Lab, listTable, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { type Sshd, startSshd } from "../lab/sshd.ts"

const CONFIGURATION = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "3s"
hide  = true
  [door.sequence]
  hits   = ["32144", "21312", "27015"]
  within = "15s"

[[door]]
name  = "ssh-by-udp"
opens = ["tcp/22"]
for   = "3s"
hide  = true
  [door.sequence]
  hits   = ["21312:udp", "32144", "27015:udp"]
  within = "15s"

[[door]]
name  = "ssh-by-ping"
opens = ["tcp/22"]
for   = "3s"
hide  = true
  [door.sequence]
  hits   = ["icmp:321", "icmp:77", "icmp:1200"]
  within = "15s"
`

const HITS = [32_144, 21_312, 27_015]

type Knocker = {
    readonly name: string
    readonly families: readonly Family[]
    readonly knock: (host: Host, address: string, family: Family) => Promise<void>
}
type Family = "IPv4" | "IPv6"

const BOTH: readonly Family[] = ["IPv4", "IPv6"]

/** A shell line for each hit, one after another; what the program thinks of a closed port does not matter. */
function shell(line: (address: string, port: number, family: Family) => string): Knocker["knock"] {
    return async (host, address, family) => {
        const script = HITS.map((port) => `${line(address, port, family)} || true`).join("\n")
        const { status, stderr } = await host.run(["bash", "-c", script])
        expect(status, stderr).toBe(0)
    }
}

const url = (address: string, port: number) => `http://${address.includes(":") ? `[${address}]` : address}:${port}/`

const KNOCKERS: readonly Knocker[] = [
    {
        name: "knock",
        families: BOTH,
        knock: async (host, address, family) => {
            const six = family === "IPv6" ? ["-6"] : ["-4"]
            host.must(["knock", ...six, "-d", "20", address, ...HITS.map(String)])
        },
    },
    {
        name: "knock with UDP",
        families: BOTH,
        knock: async (host, address, family) => {
            const six = family === "IPv6" ? ["-6"] : ["-4"]
            host.must(["knock", ...six, "-d", "20", address, "21312:udp", "32144:tcp", "27015:udp"])
        },
    },
    {
        name: "postern knock-compat",
        families: ["IPv6"],
        knock: async (host, address) => {
            host.must([POSTERN, "knock-compat", "-d", "20", address, ...HITS.map(String)])
        },
    },
    { name: "nc", families: BOTH, knock: shell((address, port) => `nc -n -z -w 1 ${address} ${port}`) },
    { name: "telnet", families: BOTH, knock: shell((address, port) => `telnet ${address} ${port} </dev/null`) },
    { name: "bash's /dev/tcp", families: BOTH, knock: shell((address, port) => `(: </dev/tcp/${address}/${port})`) },
    {
        name: "ping -s",
        families: BOTH,
        knock: async (host, address) => {
            // Exit 1: no answer, which is not what counts, and happens beside floods of other tests.
            for (const size of [321, 77, 1200])
                expect(host.exec(["ping", "-n", "-c", "1", "-W", "1", "-s", `${size}`, address]).status).toBeLessThan(2)
        },
    },
    {
        name: "hping3",
        // hping3 speaks IPv4 alone.
        families: ["IPv4"],
        knock: shell((address, port) => `hping3 -n -q -S -c 1 -p ${port} ${address}`),
    },
    { name: "curl", families: BOTH, knock: shell((address, port) => `curl -s -m 2 '${url(address, port)}'`) },
    { name: "fetch() in Chromium", families: BOTH, knock: fetchKnock },
    {
        name: "postern knock",
        families: BOTH,
        knock: async (host, address) => {
            host.must([POSTERN, "knock", address, ...HITS.map(String), "--wait", "tcp/22"])
        },
    },
]

/** A page that tries to load from each port in turn, in a browser that lives on the knocker. */
async function fetchKnock(host: Host, address: string): Promise<void> {
    const wrapper = join(lab.scratch, "chromium-on-knocker")
    writeFileSync(wrapper, `#!/bin/sh\nexec ${host.inside(["chromium"]).join(" ")} "$@"\n`, { mode: 0o755 })
    const browser = await chromium.launch({
        executablePath: wrapper,
        // Root has no sandbox here; a page without a site of its own may ask the local network.
        args: ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"],
    })
    try {
        const page = await browser.newPage()
        for (const port of HITS) {
            const outcome = await page.evaluate(
                (target) =>
                    fetch(target, { mode: "no-cors" }).then(
                        () => "answered",
                        () => "refused",
                    ),
                url(address, port),
            )
            expect(outcome).toBe("refused")
        }
    } finally {
        await browser.close()
    }
}

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon
let sshd: Sshd

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger"])
    sshd = await startSshd(lab.gateway, lab.scratch)
    daemon = await lab.startDaemon(CONFIGURATION)
})

afterAll(async () => {
    await daemon?.stop()
    lab?.remove()
})

describe.each(KNOCKERS)("$name", ({ families, knock }) => {
    it.each(families)("opens the port for its own host alone over %s, for a time", async (family) => {
        const { knocker, stranger } = lab.hosts
        const address = family === "IPv4" ? lab.gateway.v4 : lab.gateway.v6
        const from = daemon.log.all.length
        expect(await portState(knocker, address, 22)).toBe("refused")

        await knock(knocker, address, family)
        const source = family === "IPv4" ? knocker.v4 : knocker.v6
        await daemon.log.waitFor(new RegExp(`: ${source}: open: tcp/22 for 3 s`), { from })
        expect(await portState(knocker, address, 22)).toBe("open")
        expect(await portState(stranger, address, 22)).toBe("refused")

        expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
        await daemon.log.waitFor(new RegExp(`: ${source}: closed on time`), { from })
        expect(daemon.log.all.slice(from).filter((line) => / open: /.test(line))).toHaveLength(1)
        expect(listTable(lab.gateway)).not.toContain(`${source} . tcp . 22`)
    })
})

describe("an opened door", () => {
    it("lets a real ssh session in, which lives on when the door has closed", async () => {
        const { knocker } = lab.hosts
        const from = daemon.log.all.length
        knocker.must(["knock", lab.gateway.v4, ...HITS.map(String)])
        await daemon.log.waitFor(/ open: /, { from })
        // It answers when it is told the door has closed, on the connection it has had since before.
        const session = knocker.start(sshd.client(lab.gateway.v4, "cat"), { stdio: ["pipe", "pipe", "inherit"] })
        const answer = new Promise<string>((resolve) => session.stdout?.once("data", (data) => resolve(String(data))))
        await sshd.log.waitFor(/Accepted publickey for guest from 10\.77\.0\.2/)
        expect(await untilPort("refused", knocker, lab.gateway.v4, 22)).toBe("refused")
        session.stdin?.write("still here\n")
        expect(await answer).toBe("still here\n")
        session.stdin?.end()
    })

    it.each(BOTH)(
        "closes on time over %s when the daemon is killed right after opening, and stays hidden",
        async (family) => {
            const { knocker, stranger } = lab.hosts
            const address = family === "IPv4" ? lab.gateway.v4 : lab.gateway.v6
            const from = daemon.log.all.length
            knocker.must(["knock", family === "IPv4" ? "-4" : "-6", address, ...HITS.map(String)])
            await daemon.log.waitFor(/ open: /, { from })
            expect(await daemon.stop("SIGKILL")).toBeNull()
            expect(await portState(knocker, address, 22)).toBe("open")
            expect(await portState(stranger, address, 22)).toBe("refused")
            expect(await untilPort("refused", knocker, address, 22)).toBe("refused")
            daemon = await lab.startDaemon(CONFIGURATION)
            expect(await portState(knocker, address, 22)).toBe("refused")
        },
    )
})
