/** One source that sends hits without end, while others knock. */

import { HITS } from "../doors.ts"
import { median, type Row, SUBJECTS } from "../row.ts"
import { atRest } from "../running.ts"
import { usageOf } from "../usage.ts"
import { lostKnocks, medianKnock } from "./legitimate.ts"

const SECONDS = 4
const [FIRST, SECOND, THIRD] = HITS

export const hammer = row({
    name: "hammer",
    title: "One source that hammers, 20 000 packets per second",
    what: "SYNs to the first port of the knock",
    ports: [FIRST!],
    drawn: true,
})

export const disorder = row({
    name: "disorder",
    title: "One source that sends hits in the wrong order, 20 000 packets per second",
    what: "SYNs to the first, second, first and third port of the knock, over and over,",
    ports: [FIRST!, SECOND!, FIRST!, THIRD!],
    drawn: false,
})

type Wish = Pick<Row, "name" | "title"> & {
    readonly what: string
    readonly ports: readonly number[]
    readonly drawn: boolean
}

function row({ name, title, what, ports, drawn }: Wish): Row {
    return {
        name,
        title,
        how: `${what} from one source for ${SECONDS} s, each a new one; legitimate knocks meanwhile.`,
        subjects: SUBJECTS,
        rounds: 2,
        measures: [
            {
                id: `${name}.rate`,
                what: "packets sent and arrived",
                unit: "/s",
                better: "more",
                value: (s) => median(s["sent"]),
            },
            lostKnocks(name, drawn),
            medianKnock(name),
            {
                id: `${name}.load`,
                what: "of one processor",
                unit: "%",
                better: "less",
                value: (s) => median(s["load"]),
            },
        ],
        async sample(rig, subject) {
            const running = await rig.start(subject)
            const { pid } = running
            await rig.knock({ subject, count: 2 })
            await atRest(pid)
            const before = usageOf(pid)
            const flooding = { ports, rate: 20_000, seconds: SECONDS, source: "fixed" as const }
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
}
