/** The commands that the documents show are run here as they stand, between two hosts, and do what the documents say. */
import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Daemon, type Host, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { startSshd } from "../lab/sshd.ts"

const root = join(import.meta.dirname, "../..")
const README = readFileSync(join(root, "README.md"), "utf8")
const RUN = readFileSync(join(root, "docs/postern-run.1.md"), "utf8")

const CONFIGURATION = `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "2s"
hide  = true
  [door.sequence]
  hits = ["32144", "21312:udp", "44871", "icmp:321"]
`

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon

beforeAll(async () => {
    lab = makeLab(["knocker", "stranger"])
    const { gateway, scratch } = lab
    writeFileSync(join(scratch, "hosts"), `${gateway.v4} gate.example.org\n`)
    const sshd = await startSshd(gateway, scratch)
    const [ssh, ...options] = sshd.client("HOST").slice(0, -1)
    const words = options.map((word) => `'${word}'`).join(" ")
    writeFileSync(join(scratch, "ssh"), `#!/bin/sh\nexec /usr/bin/${ssh} -oUser=guest ${words} "$@"\n`, { mode: 0o755 })
    symlinkSync(POSTERN, join(scratch, "postern"))
    daemon = await lab.startDaemon(CONFIGURATION)
})

afterAll(() => lab?.remove())

/** Runs a line as a shell of that host would, where gate.example.org is the gateway. Returns all it prints. */
async function shell(host: Host, line: string): Promise<string> {
    const script = `mount --bind '${lab.scratch}/hosts' /etc/hosts; exec 2>&1; ${line}`
    const env = { PATH: `${lab.scratch}:${process.env["PATH"] ?? ""}` }
    const { stdout } = await host.run(["unshare", "--mount", "bash", "-c", script], { env })
    return stdout
}

/** Blocks of one kind, with their continuation lines joined. */
function blocks(page: string, kind: string): string[] {
    return [...page.matchAll(new RegExp(`^ *\`\`\`${kind}\\n(.*?)^ *\`\`\``, "gms"))].map(([, text]) => text!)
}

/** Without what changes from day to day. */
const plain = (text: string) => text.replace(/\d+(\.\d+){3}/, "ADDRESS").replace(/\d+ ms$/, "N ms")

/** The stranger's addresses for those of the manual page. */
const filled = (line: string) =>
    line.replaceAll("198.51.100.7", lab.hosts.stranger.v4).replaceAll("2001:db8::7", lab.hosts.stranger.v6)

/** What the stranger sees by IPv4 and IPv6, and the knocker by IPv4. */
async function states(): Promise<string> {
    const { stranger, knocker } = lab.hosts
    const { v4, v6 } = lab.gateway
    const asked = [portState(stranger, v4, 22), portState(stranger, v6, 22), portState(knocker, v4, 22)]
    return (await Promise.all(asked)).join(" ")
}

const closed = () => untilPort("refused", lab.hosts.knocker, lab.gateway.v4, 22, 8000)

describe("README", () => {
    it("its session is what one sees", async () => {
        const session = blocks(README, "console")[0]!.trimEnd().split("\n")
        let seen: string[] = []
        for (const line of session.filter((text) => text.startsWith("$ "))) {
            const output = await shell(lab.hosts.knocker, line.slice(2))
            seen = [...seen, line, ...output.split("\n").filter((text) => text !== "")]
        }
        expect(seen.map((line) => plain(line.trim()))).toEqual(session.map(plain))
        expect(session.filter((text) => text.startsWith("$ "))).toHaveLength(3)
        expect(await closed()).toBe("refused")
    })

    const [, knocks] = README.split("## Knock with what is there")
    const lines = blocks(knocks!, "sh")[0]!.trimEnd().split("\n")

    it("shows some ways to knock", () => expect(lines.length).toBeGreaterThan(3))

    it.each(lines)("%s", async (line) => {
        const { knocker, stranger } = lab.hosts
        expect(await closed()).toBe("refused")
        await shell(knocker, line.replaceAll("HOST", "gate.example.org"))
        expect(await untilPort("open", knocker, lab.gateway.v4, 22, 3000)).toBe("open")
        expect(await portState(stranger, lab.gateway.v4, 22)).toBe("refused")
    })
})

describe("postern-run(1), by hand", () => {
    const [, byHand] = RUN.split("### By hand")
    const [grants, revokes, removal] = blocks(byHand!, "sh").map((block) => block.trimEnd().split("\n"))

    it("lets a source in, by one family and then the other, and takes that back", async () => {
        expect(await closed()).toBe("refused")
        expect([grants?.length, revokes?.length]).toEqual([2, 2])
        lab.gateway.must(["sh", "-c", filled(grants![0]!)])
        expect(await states()).toBe("open refused refused")
        lab.gateway.must(["sh", "-c", filled(grants![1]!)])
        expect(await states()).toBe("open open refused")
        lab.gateway.must(["sh", "-c", filled(revokes![0]!)])
        expect(await states()).toBe("refused open refused")
        lab.gateway.must(["sh", "-c", filled(revokes![1]!)])
        expect(await states()).toBe("refused refused refused")
    })

    it("gets everything away, after the daemon, which puts its table back", async () => {
        lab.gateway.must(["nft", "delete", "table", "inet", "postern"])
        await daemon.log.waitFor(/it was made again/)
        expect(await states()).toBe("refused refused refused")
        expect(await daemon.stop()).toBe(0)
        expect(await states()).toBe("refused refused refused")
        expect(removal).toEqual(["systemctl stop postern", "nft delete table inet postern"])
        lab.gateway.must(["sh", "-c", removal![1]!])
        expect(await states()).toBe("open open open")
        expect(lab.gateway.must(["nft", "list", "ruleset"])).toBe("")
    })
})

describe("the trial that takes itself back", () => {
    it("hides while it runs, and leaves nothing, even without its terminal", async () => {
        const line = /^ *(nohup .*)$/m.exec(RUN)?.[1]
        const { gateway, scratch } = lab
        writeFileSync(join(scratch, "postern.toml"), CONFIGURATION, { mode: 0o600 })
        const short = line!.replace("timeout 5m", "timeout 8")
        const env = `cd '${scratch}'; export POSTERN_CONFIG='${scratch}/postern.toml' POSTERN_SOCKET='${scratch}/control' PATH='${scratch}':$PATH`
        // The shell that began it is gone when this returns.
        gateway.must(["setsid", "bash", "-c", `${env}; ${short}`])
        expect(await untilPort("refused", lab.hosts.stranger, gateway.v4, 22, 7500)).toBe("refused")
        expect(await untilPort("open", lab.hosts.stranger, gateway.v4, 22, 10_000)).toBe("open")
        expect(readFileSync(join(scratch, "trial.log"), "utf8")).toMatch(/ready\n.*stopping\n.*stopped/)
    })
})
