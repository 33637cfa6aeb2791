/**
 * What the watch rules pass up in real kernels: tcpdump reads the log group on the gateway while a knocker and a
 * stranger send. Each case ends with a hit of a port that only this file uses, so that nothing is waited for in vain.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import { ACK, FIN } from "../../src/core/net/packet.ts"
import type { View } from "../../src/core/watch.ts"
import { enterNamespace } from "../lab/enter.ts"
import { type Host, type Lab, makeLab } from "../lab/lab.ts"
import { collectLines, type Lines } from "../lab/lines.ts"
import { whyNoNamespaces } from "../lab/namespace.ts"
import { address, ruleset, view, type WatchWords, watch } from "../lab/rulesets.ts"

const why = whyNoNamespaces()
const LAST = 61_111

describe.skipIf(why !== null)(`the watch rules${why === null ? "" : ` (${why})`}`, () => {
    let lab: Lab<"knocker" | "stranger">
    let leave: (() => void) | undefined
    let firewall: ReturnType<typeof nftFirewall>
    let log: Lines
    let from = 0
    let knocker: Host
    let stranger: Host

    beforeAll(async () => {
        lab = makeLab(["knocker", "stranger"])
        knocker = lab.hosts.knocker
        stranger = lab.hosts.stranger
        leave = enterNamespace(lab.gateway)
        firewall = nftFirewall()
        lab.gateway.must(["ip", "address", "add", "10.77.0.99/24", "dev", "eth0"])
        knocker.must(["sh", "-c", "for i in 101 102 103 104; do ip address add 10.77.0.$i/24 dev eth0; done"])
        const tcpdump = lab.gateway.start(["tcpdump", "-i", "nflog:5", "-n", "-l", "--immediate-mode"])
        log = collectLines(tcpdump, tcpdump.stdout!)
        await collectLines(tcpdump, tcpdump.stderr!).waitFor(/listening on nflog:5/)
    })
    afterAll(() => {
        firewall?.close()
        leave?.()
        lab?.remove()
    })
    beforeEach(() => {
        from = log.all.length
    })
    afterEach(() => {
        expect(firewall.clear()).toEqual({ ok: true })
    })

    const apply = (views: readonly View[], words: WatchWords = {}) => {
        // A view that sees no TCP but impossible packets, so that it changes nothing for the others.
        const last = { flags: { set: 0x3f, clear: 0 }, within: 500 }
        const all = [...views, view([`${LAST}:udp`], [], last)]
        expect(firewall.apply(ruleset({ kernel: watch(all, words) }))).toEqual({ ok: true })
    }
    /** Runs the shell lines on the host, one after another; then what was passed up meanwhile. */
    const passedUp = async (host: Host, ...lines: readonly string[]) => {
        await host.run(["bash", "-c", lines.join("\n")])
        await stranger.run(["bash", "-c", udp(lab.gateway.v4, LAST)])
        await log.waitFor(new RegExp(`\\.${LAST}: `), { from })
        const seen = log.all.slice(from).flatMap(summary)
        from = log.all.length
        return seen.filter((line) => !line.endsWith(` ${LAST}`))
    }

    it("pass up what begins a sequence, and what the same source sends after that", async () => {
        apply([view(["7000", "7001:udp"], ["8000"])])
        for (const to of [lab.gateway.v4, lab.gateway.v6]) {
            const source = to === lab.gateway.v4 ? knocker.v4 : knocker.v6
            expect(await passedUp(knocker, tcp(to, 8000), udp(to, 9), ping(to, 10))).toEqual([])
            expect(await passedUp(knocker, tcp(to, 7000), tcp(to, 8000), udp(to, 9), ping(to, 10), tcp(to, 1))).toEqual(
                [
                    `${source} > ${to} tcp 7000`,
                    `${source} > ${to} tcp 8000`,
                    `${source} > ${to} udp 9`,
                    `${source} > ${to} ping 10`,
                    `${source} > ${to} tcp 1`,
                ],
            )
        }
        // Watched is who began, and the stranger by this file's last hits; a third source is not.
        expect(await passedUp(lab.gateway, tcp(lab.gateway.v4, 8000))).toEqual([])
        expect(await passedUp(lab.gateway, udp("127.0.0.1", 7001), tcp("127.0.0.1", 5))).toEqual([
            "127.0.0.1 > 127.0.0.1 udp 7001",
            "127.0.0.1 > 127.0.0.1 tcp 5",
        ])
    })

    it("pass no scan up that does not touch a first hit", async () => {
        apply([view(["7000"], ["8000"])])
        const { status } = await knocker.run(["nmap", "-n", "-Pn", "-sS", "-p", "1-6999", "-T5", lab.gateway.v4])
        expect(status).toBe(0)
        expect(await passedUp(knocker, "true")).toEqual([])
    })

    it("pass up neither services of doors nor offered ones, unless a sequence names the port", async () => {
        const to = lab.gateway.v4
        const words = { services: ["tcp/22"], offered: ["tcp/80", "udp/53", "tcp/8000"] }
        apply([view(["7000"], ["8000"])], words)
        const sent = [tcp(to, 7000), tcp(to, 22), tcp(to, 80), udp(to, 53), udp(to, 80), tcp(to, 53), tcp(to, 8000)]
        expect(await passedUp(knocker, ...sent)).toEqual([
            `${knocker.v4} > ${to} tcp 7000`,
            `${knocker.v4} > ${to} udp 80`,
            `${knocker.v4} > ${to} tcp 53`,
            `${knocker.v4} > ${to} tcp 8000`,
        ])
    })

    it("tell pings by their size, on both families, and leave those that hide it to the reader", async () => {
        apply([view(["icmp:321"], [])])
        for (const to of [lab.gateway.v4, lab.gateway.v6]) {
            const source = to === lab.gateway.v4 ? knocker.v4 : knocker.v6
            expect(await passedUp(knocker, ping(to, 320), ping(to, 322), ping(to, 56))).toEqual([])
            expect(await passedUp(knocker, ping(to, 321))).toEqual([`${source} > ${to} ping 321`])
            expect(firewall.apply(ruleset())).toEqual({ ok: true })
            apply([view(["icmp:321"], [])])
        }
        // Record-route is an IP option; the other is longer than a packet of this link.
        expect(await passedUp(knocker, `${ping(lab.gateway.v4, 20)} -R`)).toHaveLength(1)
        expect(firewall.apply(ruleset())).toEqual({ ok: true })
        apply([view(["icmp:321"], [])])
        expect(await passedUp(knocker, ping(lab.gateway.v6, 3000))).not.toEqual([])
    })

    it("pass up a first hit of each view by its own flags and target", async () => {
        const fin = view(["7000"], ["7001"], { flags: { set: FIN, clear: ACK } })
        const routed = view(["6000"], ["6001"], { target: [address("10.77.0.99")] })
        apply([fin, routed])
        const to = lab.gateway.v4
        expect(await passedUp(knocker, bare(to, "-S", 7000), bare(to, "-FA", 7000), tcp(to, 6000))).toEqual([])
        expect(await passedUp(knocker, bare(to, "-F", 7000))).toEqual([`${knocker.v4} > ${to} tcp 7000`])
        expect(firewall.apply(ruleset())).toEqual({ ok: true })
        apply([fin, routed])
        expect(await passedUp(knocker, bare("10.77.0.99", "-S", 6000))).toEqual([`${knocker.v4} > 10.77.0.99 tcp 6000`])
        // Watched now: wrong hits of either view count, others of no view do not.
        const more = [bare("10.77.0.99", "-S", 5), bare(to, "-S", 6), bare(to, "-F", 7), bare("10.77.0.99", "-A", 8)]
        expect(await passedUp(knocker, ...more)).toEqual([
            `${knocker.v4} > 10.77.0.99 tcp 5`,
            `${knocker.v4} > ${to} tcp 7`,
        ])
    })

    it("look at the named interfaces alone", async () => {
        const to = lab.gateway.v4
        apply([view(["7000"], [])], { interfaces: ["eth0", "not-there"] })
        expect(await passedUp(knocker, tcp(to, 7000))).toHaveLength(1)
        expect(await passedUp(lab.gateway, tcp("127.0.0.1", 7000))).toEqual([])
    })

    it("pass every new packet up when uniform, offered or not, and nothing of running connections", async () => {
        const to = lab.gateway.v4
        apply([view(["7000"], [])], { uniform: true, services: ["tcp/22"], offered: ["tcp/80"] })
        expect(await passedUp(knocker, tcp(to, 80), tcp(to, 22), udp(to, 9), ping(to, 10), tcp(to, 7000))).toEqual([
            `${knocker.v4} > ${to} tcp 80`,
            `${knocker.v4} > ${to} tcp 22`,
            `${knocker.v4} > ${to} udp 9`,
            `${knocker.v4} > ${to} ping 10`,
            `${knocker.v4} > ${to} tcp 7000`,
        ])
    })

    it("remember IPv6 sources by their /64", async () => {
        knocker.must(["ip", "address", "add", "fd77::2:2/64", "dev", "eth0", "nodad"])
        apply([view(["7000"], [])])
        const to = lab.gateway.v6
        const other = `nc -z -n -w1 -s fd77::2:2 ${to} 5`
        expect(await passedUp(knocker, `nc -z -n -w1 -s ${knocker.v6} ${to} 7000`, other)).toEqual([
            `${knocker.v6} > ${to} tcp 7000`,
            `fd77::2:2 > ${to} tcp 5`,
        ])
        knocker.must(["ip", "address", "del", "fd77::2:2/64", "dev", "eth0"])
    })

    it("lose no wrong hit while the watched set is full, and are quiet again afterwards", async () => {
        apply([view(["7000"], [], { within: 2000 })], { attempts: 2 })
        const to = lab.gateway.v4
        const hit = (source: string, port: number) => `nc -z -n -w1 -s ${source} ${to} ${port}`
        const sources = ["10.77.0.101", "10.77.0.102", "10.77.0.103", "10.77.0.104"]
        const forgot = () => lab.gateway.must(["nft", "list", "set", "inet", "postern", "forgot"])
        // Sets of another size are made anew, and everybody is forgotten for a window.
        await expect.poll(forgot, { timeout: 20_000, interval: 100 }).not.toContain("elements")
        const seen = await passedUp(knocker, ...sources.map((s) => hit(s, 7000)), ...sources.map((s) => hit(s, 5)))
        expect(seen.filter((line) => line.endsWith(" 5"))).toEqual(sources.map((s) => `${s} > ${to} tcp 5`))
        for (const source of sources) expect(seen).toContain(`${source} > ${to} tcp 7000`)
        expect(forgot()).toContain("ipv4")
        // One packet tells of it.
        expect(seen).toHaveLength(2 * sources.length + 1)
        await expect.poll(forgot, { timeout: 20_000, interval: 100 }).not.toContain("elements")
        expect(await passedUp(knocker, hit("10.77.0.104", 6))).toEqual([])
    })
})

function tcp(to: string, port: number): string {
    return `nc -z -n -w1 ${to} ${port}`
}

function udp(to: string, port: number): string {
    return `echo x > /dev/udp/${to}/${port}`
}

function ping(to: string, size: number): string {
    return `ping -n -q -c 1 -W 1 -s ${size} ${to}`
}

/** A bare packet with these TCP flags. */
function bare(to: string, flags: string, port: number): string {
    return `hping3 -q -c 1 ${flags} -p ${port} ${to} >&2`
}

/** One line of tcpdump as `SOURCE > DESTINATION KIND PORT-OR-SIZE`. */
function summary(line: string): string[] {
    if (line === "") return []
    const echo = /([0-9a-f.:]+) > (\S+): .*echo request.* length (\d+)/.exec(line)
    if (echo) return [`${echo[1]} > ${echo[2]} ping ${Number(echo[3]) - 8}`]
    const port = / (\S+)\.\d+ > (\S+)\.(\d+): (Flags)?/.exec(line)
    return port ? [`${port[1]} > ${port[2]} ${port[4] ? "tcp" : "udp"} ${port[3]}`] : [line]
}
