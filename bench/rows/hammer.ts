import { HITS } from "../doors.ts"
import { median, type Row } from "../row.ts"
import { atRest } from "../running.ts"
import { usageOf } from "../usage.ts"
import { lostKnocks, medianKnock } from "./legitimate.ts"

const SECONDS = 4

/** One source that sends the first hit again and again. */
export const hammer: Row = {
    name: "hammer",
    title: "One source that hammers, 20 000 packets per second",
    how: `SYNs to the first port of the knock from one source for ${SECONDS} s, each a new one; legitimate knocks meanwhile.`,
    subjects: ["postern", "packet-socket", "drop-in", "knockd"],
    rounds: 2,
    measures: [
        {
            id: "hammer.rate",
            what: "packets sent and arrived",
            unit: "/s",
            better: "more",
            value: (s) => median(s["sent"]),
        },
        lostKnocks("hammer", true),
        medianKnock("hammer"),
        { id: "hammer.load", what: "of one processor", unit: "%", better: "less", value: (s) => median(s["load"]) },
    ],
    async sample(rig, subject) {
        const running = await rig.start(subject)
        const { pid } = running
        await rig.knock({ subject, count: 2 })
        await atRest(pid)
        const before = usageOf(pid)
        const flooding = { ports: [HITS[0]!], rate: 20_000, seconds: SECONDS, source: "fixed" as const }
        const { times, flooded } = await rig.knockInFlood(flooding, { subject, count: 10 })
        await atRest(pid)
        const after = usageOf(pid)
        await running.finish()
        return {
            during: times,
            sent: [flooded.perSecond],
            load: [(after.cpu - before.cpu) / 1e7 / flooded.seconds],
        }
    },
}
