/**
 * The same knockd.conf, first with the real knockd, then imported: the same knocks, sent by the real knock, open and close
 * the same ports for the same hosts, and run the same commands. The gateway's own rules keep all ports closed; for
 * Postern they let everybody in by the commands that the imported file names.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually, type Host, type Lab, makeLab, POSTERN, portState } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"

const [KNOCKD, KNOCK] = ["/usr/sbin/knockd", "/usr/bin/knock"]
const lacking = [KNOCKD, KNOCK, "/usr/sbin/iptables"].find((file) => !existsSync(file))
const why = whyNoNamespaces() ?? (lacking === undefined ? null : `needs ${lacking} (Debian packages knockd, iptables)`)

const SAMPLE = readFileSync(join(import.meta.dirname, "../../vectors/import/sample.conf"), "utf8")

/** The host's own rules, as iptables and ip6tables have them. */
const CLOSED = ["-P INPUT DROP", "-A INPUT -p icmp -j ACCEPT", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"]
/** The same where a reset is quicker than silence. */
const REFUSED = ["-A INPUT -p tcp -m multiport --dports 22,8443 -j REJECT --reject-with tcp-reset"]

const rule = (program: string, act: string) =>
    `/usr/sbin/${program} -w ${act} INPUT -s %IP% -p tcp --dport 22 -j ACCEPT`

/** Openings with their ends, of both kinds. */
const TIMED = `[ssh]
	sequence        = 21312:udp,7000,44871:udp
	seq_timeout     = 5
	start_command   = ${rule("iptables", "-I")}
	start_command_6 = ${rule("ip6tables", "-I")}
	cmd_timeout     = 4
	stop_command    = ${rule("iptables", "-D")}
	stop_command_6  = ${rule("ip6tables", "-D")}
[two]
	sequence    = 7000,44871:udp,21312:udp
	tcpflags    = syn
	command     = iptables -w -I INPUT -s %IP% -p tcp --dport 8443 -j ACCEPT; sleep 4; iptables -w -D INPUT -s %IP% -p tcp --dport 8443 -j ACCEPT
`

/** The lines of a file that may not be there. */
function linesOf(file: string): string[] {
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []
}

describe.skipIf(why !== null)("an imported knockd.conf does what knockd did with it", () => {
    let lab: Lab<"knocker" | "stranger">
    let runs = 0

    beforeAll(() => {
        lab = makeLab(["knocker", "stranger"])
        const server = "for (const p of [22, 8443]) require('net').createServer((s) => s.destroy()).listen(p, '::')"
        lab.gateway.start([process.execPath, "-e", server])
    })
    afterAll(() => lab?.remove())

    type Side = {
        /** The real client, from the knocker. */
        readonly knock: (address: string, ...hits: readonly string[]) => void
        /** Which of these answer: `knocker 22`, asked until they are as wanted. */
        readonly open: (address: string, wanted: readonly string[]) => Promise<readonly string[]>
    }

    const PORTS = [22, 8443]

    async function openPorts(address: string): Promise<string[]> {
        const { knocker, stranger } = lab.hosts
        const asked = [knocker, stranger].flatMap((host) => PORTS.map((port) => [host, port] as const))
        const role = (host: Host) => (host === knocker ? "knocker" : "stranger")
        const found = await Promise.all(
            asked.map(async ([host, port]) =>
                (await portState(host, address, port)) === "open" ? [`${role(host)} ${port}`] : [],
            ),
        )
        return found.flat()
    }

    const side: Side = {
        knock: (address, ...hits) => lab.hosts.knocker.must([KNOCK, "-d", "20", address, ...hits]),
        async open(address, wanted) {
            let found: readonly string[] = []
            await eventually(async () => {
                found = await openPorts(address)
                return found.join() === wanted.join()
            })
            return found
        },
    }

    /** Lines for iptables, and the same for ip6tables. */
    function tables(lines: readonly string[]): void {
        for (const line of lines) {
            lab.gateway.must(["iptables", "-w", ...line.split(" ")])
            lab.gateway.must(["ip6tables", "-w", ...line.replace("icmp", "icmpv6").split(" ")])
        }
    }

    /** With these rules of the host's own; all that there is then is taken away afterwards. */
    async function withRules(rules: readonly string[], run: () => Promise<void>): Promise<void> {
        tables(rules)
        try {
            await run()
        } finally {
            tables(["-P INPUT ACCEPT", "-F INPUT"])
        }
    }

    function file(conf: string): string {
        const path = join(lab.scratch, `knockd-${++runs}.conf`)
        writeFileSync(path, conf)
        return path
    }

    async function withKnockd(
        conf: string,
        rules: readonly string[],
        run: (side: Side) => Promise<void>,
    ): Promise<void> {
        await withRules(rules, async () => {
            const knockd = lab.gateway.start(["stdbuf", "-oL", KNOCKD, "-i", "eth0", "-v", "-c", file(conf)])
            const ended = new Promise((resolve) => knockd.once("close", resolve))
            try {
                await collectLines(knockd, knockd.stdout!).waitFor(/listening on eth0/)
                await run(side)
            } finally {
                knockd.kill()
                await ended
            }
        })
    }

    async function withPostern(
        conf: string,
        rules: readonly string[],
        run: (side: Side) => Promise<void>,
    ): Promise<void> {
        const text = lab.gateway.must([POSTERN, "import", file(conf)])
        await withRules(rules, async () => {
            const daemon = await lab.startDaemon(text)
            try {
                for (const [, command] of text.matchAll(/^# {5}(\S.*)$/gm))
                    lab.gateway.must(["/bin/sh", "-c", command!])
                await run(side)
            } finally {
                await daemon.stop()
                // It is not there where no door opens anything.
                lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
            }
        })
    }

    const BOTH = [
        ["knockd", withKnockd],
        ["postern", withPostern],
    ] as const

    it.each(BOTH)("Debian's sample: opens SSH for who knocked, until the closing knock (%s)", async (_, start) => {
        await start(SAMPLE, CLOSED, async ({ knock, open }) => {
            const { v4 } = lab.gateway
            expect(await openPorts(v4)).toEqual([])
            knock(v4, "7000", "8000", "9000")
            expect(await open(v4, ["knocker 22"])).toEqual(["knocker 22"])
            knock(v4, "9000", "8000", "7000")
            expect(await open(v4, [])).toEqual([])
        })
    })

    it.each(BOTH)("start and stop commands, by both families, and several together (%s)", async (_, start) => {
        await start(TIMED, REFUSED, async ({ knock, open }) => {
            const { v4, v6 } = lab.gateway
            knock(v6, "21312:udp", "7000", "44871:udp")
            expect(await open(v6, ["knocker 22"])).toEqual(["knocker 22"])
            knock(v4, "7000", "44871:udp", "21312:udp")
            expect(await open(v4, ["knocker 8443"])).toEqual(["knocker 8443"])
            knock(v4, "21312:udp", "7000", "44871:udp")
            expect(await eventually(async () => (await openPorts(v4)).includes("knocker 22"))).toBe(true)
            for (const address of [v6, v4]) expect(await open(address, [])).toEqual([])
        })
    })

    it("commands of all kinds are run with the same words, the stop as well", async () => {
        const trace = join(lab.scratch, "trace")
        const conf = `[options]
	interface = eth0
[shell]
	sequence      = 21312:udp,7000,44871:udp
	start_command = for word in "start  %IP%" '%IP%' \${PATH:+x}; do printf '%s\\n' "$word" >> ${trace}; done
	cmd_timeout   = 1
	stop_command  = echo "stop $# %IP%" >> ${trace}
[words]
	sequence      = 44871:udp,7000,21312:udp
	start_command = /usr/bin/tee -a ${trace}-%IP% '${trace} %IP%'
[six]
	sequence        = 7000,21312:udp,44871:udp
	start_command   =
	start_command_6 = echo "six %IP%" >> ${trace}
`
        const seen: string[][] = []
        for (const [, start] of BOTH) {
            const { v4, v6 } = lab.gateway
            const files = [trace, `${trace}-${lab.hosts.knocker.v4}`, `${trace} ${lab.hosts.knocker.v4}`]
            await start(conf, [], async ({ knock }) => {
                knock(v4, "7000", "21312:udp", "44871:udp")
                knock(v4, "21312:udp", "7000", "44871:udp")
                await eventually(() => linesOf(trace).some((line) => line.startsWith("stop")))
                knock(v6, "7000", "21312:udp", "44871:udp")
                await eventually(() => linesOf(trace).length > 4)
                knock(v4, "44871:udp", "7000", "21312:udp")
                await eventually(() => files.every((one) => existsSync(one)))
                seen.push([...linesOf(trace), ...files.filter((one) => existsSync(one))])
            })
            for (const one of files) rmSync(one, { force: true })
        }
        const { v4, v6 } = lab.hosts.knocker
        expect(seen[0]).toEqual([
            `start  ${v4}`,
            v4,
            "x",
            `stop 0 ${v4}`,
            `six ${v6}`,
            trace,
            `${trace}-${v4}`,
            `${trace} ${v4}`,
        ])
        expect(seen[1]).toEqual(seen[0])
    })
})
