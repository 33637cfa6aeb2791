/** Spoofed first hits, each from another source, while somebody knocks. */

import { HITS } from "../doors.ts"
import type { Family, Rig } from "../rig.ts"
import { came, type Measure, median, quantile, type Row, type Samples, SUBJECTS, type Subject } from "../row.ts"
import { atRest } from "../running.ts"
import { forgetPeak, peakOf, usageOf } from "../usage.ts"
import { lostKnocks } from "./legitimate.ts"

type Wish = {
    readonly name: string
    readonly title: string
    readonly family: Family
    readonly rate: number
    readonly seconds: number
    readonly rounds: number
    readonly drawn: boolean
}

export const flood4 = row({
    name: "flood4",
    title: "20 000 spoofed first hits per second, IPv4",
    family: 4,
    rate: 20_000,
    seconds: 5,
    rounds: 3,
    drawn: true,
})

export const flood6 = row({
    name: "flood6",
    title: "20 000 spoofed first hits per second, IPv6",
    family: 6,
    rate: 20_000,
    seconds: 5,
    rounds: 2,
    drawn: false,
})

export const fast = row({
    name: "fast",
    title: "200 000 spoofed first hits per second, IPv4",
    family: 4,
    rate: 200_000,
    seconds: 3,
    rounds: 2,
    drawn: false,
})

function row({ name, title, family, rate, seconds, rounds, drawn }: Wish): Row {
    return {
        name,
        title,
        how: `${rate * seconds} SYNs to the first port of the knock in ${seconds} s, from random sources of ${family === 4 ? "a /9" : "a /32"}; up to 10 legitimate knocks meanwhile. "Handled" are packets that the daemon looked at, per second of processor time that it used, what it did after the flood included. Memory before, at its peak, and when it is at rest again.`,
        subjects: family === 4 ? SUBJECTS : SUBJECTS.filter((one) => one !== "drop-in"),
        rounds,
        measures: measures(name, drawn, rate > 20_000),
        sample: (rig, subject) => flooded(rig, subject, { family, rate, seconds }),
    }
}

/** One flood of one subject, with knocks before and meanwhile. */
export async function flooded(
    rig: Rig,
    subject: Subject,
    { family, rate, seconds }: Pick<Wish, "family" | "rate" | "seconds">,
): Promise<Samples> {
    const running = await rig.start(subject)
    const { pid } = running
    await rig.knock({ subject, family, count: 2 })
    const quiet = await rig.knock({ subject, family, count: 10 })
    await atRest(pid)
    const before = usageOf(pid)
    forgetPeak(pid)
    const flooding = { family, ports: [HITS[0]!], rate, seconds }
    const { times, flooded: sent } = await rig.knockInFlood(flooding, { subject, family, count: 10 })
    await atRest(pid)
    const after = usageOf(pid)
    const peak = peakOf(pid)
    const { handled } = await running.finish()
    const cpu = (after.cpu - before.cpu) / 1e9
    return {
        quiet,
        during: times,
        sent: [sent.perSecond],
        share: [Math.min(100, (handled / sent.sent) * 100)],
        handled: [handled / cpu],
        load: [(cpu / sent.seconds) * 100],
        before: [before.rss / 1e6],
        peak: [peak / 1e6],
        after: [after.rss / 1e6],
    }
}

function measures(id: string, drawn: boolean, fastest: boolean): Measure[] {
    return [
        {
            id: `${id}.rate`,
            what: "packets sent and arrived",
            unit: "/s",
            better: "more",
            value: (s) => median(s["sent"]),
        },
        {
            id: `${id}.tried`,
            what: "legitimate knocks",
            unit: "",
            better: "more",
            value: (s) => s["during"]?.length ?? 0,
        },
        lostKnocks(id, drawn),
        {
            id: `${id}.added`,
            what: "added to the median of those that opened",
            unit: "ms",
            better: "less",
            value: added,
            ...(fastest ? {} : { goal: { text: "< 10 ms", holds: (ms: number) => ms < 10 } }),
        },
        {
            id: `${id}.max`,
            what: "longest of those that opened",
            unit: "ms",
            better: "less",
            value: (s) => quantile(came(s["during"]), 1),
        },
        {
            id: `${id}.share`,
            what: "of the packets handled",
            unit: "%",
            better: "more",
            value: (s) => median(s["share"]),
        },
        {
            id: `${id}.handled`,
            what: "packets handled per second of processor time",
            unit: "/s",
            better: "more",
            value: (s) => median(s["handled"]),
            goal: { text: "> 1 000 000", holds: (count) => count > 1e6 },
            drawn,
        },
        { id: `${id}.load`, what: "of one processor", unit: "%", better: "less", value: (s) => median(s["load"]) },
        { id: `${id}.before`, what: "memory before", unit: "MB", better: "less", value: (s) => median(s["before"]) },
        { id: `${id}.peak`, what: "memory, peak", unit: "MB", better: "less", value: (s) => median(s["peak"]) },
        { id: `${id}.after`, what: "memory after", unit: "MB", better: "less", value: (s) => median(s["after"]) },
    ]
}

function added({ quiet, during }: Samples): number {
    return Math.max(0, median(came(during)) - median(came(quiet)))
}
