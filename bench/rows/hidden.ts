import { type Host, makeLab, POSTERN } from "../../test/lab/lab.ts"
import { startSshd } from "../../test/lab/sshd.ts"
import type { Measure, Row, Samples } from "../row.ts"

/** Of `postern scan --timing --json`, what is used here. */
type Found = {
    readonly families: readonly {
        readonly family: 4 | 6
        readonly counts: { readonly all: number; readonly differ: number }
        readonly timing: readonly {
            readonly here: number
            readonly closed: number
            readonly test: { readonly p: number }
            readonly control: { readonly p: number }
        }[]
    }[]
}

/** Two services: one on loopback, which is led to, and one outside, which can only be refused. */
const LED = 22
const REFUSED = 8022
const CONFIGURATION = `
[[door]]
name   = "ssh"
opens  = ["tcp/${LED}", "tcp/${REFUSED}"]
hide   = true
[door.sequence]
hits   = ["32144", "21312", "27015"]
`

const NONE: Measure["goal"] = { text: "none", holds: (count) => count === 0, of: ["postern"] }

/** What tells a hidden port from a closed one, to somebody on the same link. */
export const hidden: Row = {
    name: "hidden",
    title: "What tells a hidden port from a closed one",
    how: "`postern scan --timing` of a real sshd from the same link, over both families: 255 probes, and how long 6000 answers take, beside those of two closed ports. A fresh network each round. Postern leads to an sshd that listens on loopback; knockd's port is refused by iptables with `REJECT --reject-with tcp-reset`, which is the best there. Times are compared by the Kolmogorov-Smirnov test, SYN, ACK and FIN apart: the smallest *p* of all, times their number (Bonferroni), between 0.000001 and 1.",
    subjects: ["postern", "knockd"],
    rounds: 3,
    measures: [
        { ...largest("differ4", "of 130 probes over IPv4, answered otherwise than by closed ports", ""), goal: NONE },
        { ...largest("differ6", "of 125 probes over IPv6, answered otherwise than by closed ports", ""), goal: NONE },
        largest("apart", "medians of times, largest difference", "ns"),
        {
            ...smallest("p", "*p* of the same times"),
            goal: { text: "> 0.05", holds: (p) => p > 0.05, of: ["postern"] },
        },
        smallest("control", "*p* of two closed ports, for comparison"),
        largest("outside.differ4", "an sshd that listens outside, which we refuse: of 130 probes over IPv4", ""),
        largest("outside.differ6", "of 125 over IPv6", ""),
        smallest("outside.p", "*p* of the same times"),
    ],
    // In a network of its own: its services are others.
    async sample(_rig, subject) {
        const lab = makeLab(["stranger"])
        const { gateway, hosts } = lab
        const look = (port: number) => lookAt(hosts.stranger, [gateway.v4, gateway.v6], port)
        try {
            // Answers to sources that were made up go by here, too.
            gateway.must(["ip", "route", "replace", "default", "via", hosts.stranger.v4])
            gateway.must(["ip", "-6", "route", "replace", "default", "via", hosts.stranger.v6])
            await startSshd(gateway, lab.scratch, LED, subject === "postern" ? "loopback" : "everywhere")
            if (subject === "knockd") {
                const refuse = ["-p", "tcp", "--dport", String(LED), "-j", "REJECT", "--reject-with", "tcp-reset"]
                for (const tables of ["iptables", "ip6tables"]) gateway.must([tables, "-A", "INPUT", ...refuse])
                return await look(LED)
            }
            await startSshd(gateway, lab.scratch, REFUSED)
            await lab.startDaemon(CONFIGURATION)
            gateway.must([POSTERN, "lead", `tcp/${LED}`])
            const led = await look(LED)
            const refused = Object.entries(await look(REFUSED)).map(([key, values]) => [`outside.${key}`, values])
            return { ...led, ...Object.fromEntries(refused) }
        } finally {
            lab.remove()
        }
    },
}

/** The largest of these samples. */
function largest(key: string, what: string, unit: "ns" | ""): Measure {
    return { id: `hidden.${key}`, what, unit, better: "less", value: (s) => Math.max(...(s[key] ?? [])) }
}

/** The smallest *p* of these, corrected for their number. What is less than one in a million need not be told apart. */
function smallest(key: string, what: string): Measure {
    return { id: `hidden.${key}`, what, unit: "", better: "more", value: (s) => corrected(s[key] ?? [Number.NaN]) }
}

function corrected(all: readonly number[]): number {
    return Math.min(1, Math.max(1e-6, Math.min(...all) * all.length))
}

/** One family after the other: both at once would disturb each other's times. */
async function lookAt(from: Host, addresses: readonly string[], port: number): Promise<Samples> {
    const families: Found["families"][number][] = []
    for (const address of addresses) {
        const argv = [POSTERN, "scan", address, "--port", `tcp/${port}`, "--timing", "--json", "--no-pace"]
        const { stdout, stderr } = await from.run(argv, { timeout: 120_000 })
        if (stderr !== "") throw new Error(stderr)
        const found: Found = JSON.parse(stdout)
        families.push(...found.families)
    }
    const times = families.flatMap(({ timing }) => timing)
    return {
        ...Object.fromEntries(families.map(({ family, counts }) => [`differ${family}`, [counts.differ]])),
        apart: times.map(({ here, closed }) => Math.abs(here - closed)),
        p: times.map(({ test }) => test.p),
        control: times.map(({ control }) => control.p),
    }
}
