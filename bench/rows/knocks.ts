import { HITS } from "../doors.ts"
import { median, type Row } from "../row.ts"
import { atRest } from "../running.ts"
import { forgetPeak, peakOf, usageOf } from "../usage.ts"
import { lostKnocks, medianKnock } from "./legitimate.ts"

const PER_SECOND = 500
const SECONDS = 3

/** Whole knocks, right ones, from sources that are spoofed: each opens the door to one more address. */
export const knocks: Row = {
    name: "knocks",
    title: `${PER_SECOND} whole knocks per second`,
    how: `${PER_SECOND * SECONDS} whole knocks of three hits in ${SECONDS} s, each from a spoofed source, each opening the door to it; legitimate knocks meanwhile. Processor time includes that of programs which the daemon runs.`,
    subjects: ["postern", "drop-in", "knockd"],
    rounds: 2,
    measures: [
        {
            id: "knocks.opened",
            what: "knocks that opened",
            unit: "%",
            better: "more",
            value: (s) => median(s["opened"]),
        },
        lostKnocks("knocks"),
        medianKnock("knocks"),
        {
            id: "knocks.cpu",
            what: "processor time per knock that opened",
            unit: "ms",
            better: "less",
            value: (s) => median(s["cpu"]),
            drawn: true,
        },
        {
            id: "knocks.peak",
            what: "memory of the daemon, peak",
            unit: "MB",
            better: "less",
            value: (s) => median(s["peak"]),
        },
    ],
    async sample(rig, subject) {
        const running = await rig.start(subject)
        const { pid } = running
        await rig.knock({ subject, count: 2 })
        await atRest(pid)
        const before = usageOf(pid)
        forgetPeak(pid)
        const flooding = {
            ports: HITS,
            rate: PER_SECOND * HITS.length,
            seconds: SECONDS,
            source: "sequential" as const,
        }
        const { times } = await rig.knockInFlood(flooding, { subject, count: 8 })
        await atRest(pid)
        const after = usageOf(pid)
        const peak = peakOf(pid)
        const { opened } = await running.finish()
        const used = after.cpu - before.cpu + after.children - before.children
        const wanted = PER_SECOND * SECONDS
        return {
            during: times,
            opened: [(Math.min(opened, wanted) / wanted) * 100],
            cpu: [used / 1e6 / Math.min(opened, wanted)],
            peak: [peak / 1e6],
        }
    },
}
