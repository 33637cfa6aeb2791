import { HITS } from "../doors.ts"
import { type Measure, median, type Row, type Subject } from "../row.ts"
import { atRest } from "../running.ts"
import { usageOf } from "../usage.ts"

/** knockd needs 28 s to begin with a thousand doors here: libpcap makes a better filter of them. */
const DOORS: Readonly<Partial<Record<Subject, readonly number[]>>> = {
    postern: [1, 100, 10_000],
    "packet-socket": [1, 100, 10_000],
    knockd: [1, 100],
}
const SECONDS = 2

const measure = (doors: number): Measure => ({
    id: `doors.${doors}`,
    what: `${doors.toLocaleString("en").replaceAll(",", " ")} door${doors === 1 ? "" : "s"}, processor time per packet`,
    unit: "ns",
    better: "less",
    value: (s) => median(s[String(doors)]),
})

/** What a packet costs the daemon as a whole with many doors. */
export const doors: Row = {
    name: "doors",
    title: "Many doors",
    how: `First hits of one of the doors at 20 000 per second for ${SECONDS} s, from random sources; the daemon's processor time per packet that it handled.`,
    subjects: ["postern", "packet-socket", "knockd"],
    rounds: 2,
    measures: [
        ...[1, 100, 10_000].map(measure),
        {
            id: "doors.flat",
            what: "the most cost so many times what 1 costs",
            unit: "",
            better: "less",
            value: (s) => median(s["10000"] ?? s["100"]) / median(s["1"]),
            goal: { text: "< 2", holds: (times) => times < 2 },
        },
    ],
    async sample(rig, subject) {
        const costs: Record<string, number[]> = {}
        for (const count of DOORS[subject] ?? []) {
            const running = await rig.start(subject, { doors: count })
            const { pid } = running
            await rig.knock({ subject, count: 2 })
            await rig.flood({ ports: [HITS[0]!], rate: 20_000, seconds: 0.5 })
            await atRest(pid)
            const before = usageOf(pid)
            await rig.flood({ ports: [HITS[0]!], rate: 20_000, seconds: SECONDS })
            await atRest(pid)
            const used = usageOf(pid).cpu - before.cpu
            const { handled } = await running.finish()
            // The flood before the counted one was a fifth of all.
            costs[String(count)] = [used / (handled * (SECONDS / (SECONDS + 0.5)))]
        }
        return costs
    },
}
