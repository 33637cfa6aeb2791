/**
 * Knock ports answer as their neighbours do: nothing is bound to them and nothing filters them. A stranger sends the
 * same probes to a port that begins a sequence, to one inside it and to ports of no sequence, and compares the answers.
 */
import { afterAll, beforeAll, expect, it } from "vitest"
import { type Lab, makeLab } from "../lab/lab.ts"

const [FIRST, SECOND, NEIGHBOUR] = [32_144, 21_312, 32_145]

/** hping3's ways of asking: flags alone and together, none at all, and UDP. */
const PROBES = ["-S", "-A", "-F", "-R", "-P", "-U", "-S -A", "-F -P -U", "-S -F", "", "-2"]

let lab: Lab<"stranger">

beforeAll(() => {
    lab = makeLab(["stranger"])
})
afterAll(() => lab?.remove())

/** What comes back, without what differs from packet to packet of any closed port. */
async function answers(port: number): Promise<string[]> {
    const seen: string[] = []
    for (const probe of PROBES) {
        const flags = probe.split(" ").filter((flag) => flag !== "")
        // No answer is an answer, too: hping3 waits a second for one, on a wire without loss.
        const argv = ["hping3", "-n", "-c", "1", ...flags, "-p", String(port), lab.gateway.v4]
        const { stdout } = await lab.hosts.stranger.run(argv)
        const lines = stdout.split("\n").filter((line) => /^(len|ICMP|status|get)/.test(line))
        seen.push(`${probe}: ${lines.join(" ").replaceAll(/\b(sport|rtt|id|port|get)=\S+/g, "")}`)
    }
    return seen
}

it("knock ports answer every probe as their neighbours do", async () => {
    const daemon = await lab.startDaemon(`
        [[door]]
        name = "ssh"
        opens = ["tcp/22"]
        hide = true
        [door.sequence]
        hits = ["${FIRST}", "${SECOND}", "27015"]
    `)
    try {
        const neighbour = await answers(NEIGHBOUR)
        expect(neighbour.filter((line) => /flags=RA|ICMP Port Unreachable/.test(line)).length).toBeGreaterThan(3)
        expect(await answers(FIRST)).toEqual(neighbour)
        expect(await answers(SECOND)).toEqual(neighbour)
        await daemon.log.waitFor(/stage 1 of 3/)
    } finally {
        await daemon.stop()
    }
})
