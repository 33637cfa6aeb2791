import { came, lost, type Measure, median, quantile, type Row } from "../row.ts"

const KINDS = [
    { key: "start", what: "" },
    { key: "start, stop", what: ", where a stop is to come" },
] as const

/** How soon the command of a door begins: what `start_command` of knockd is, and `command.start` of a door of ours. */
export const command: Row = {
    name: "command",
    title: "Last hit to the start of the command",
    how: "Knocks of three hits, 5 ms apart, each from an address that has never knocked; from just before the last SYN is sent until `date`, run by `/bin/sh`, reads the clock. Where a stop command is to come, ours note it on the disk before the start begins.",
    subjects: ["postern", "packet-socket", "drop-in", "knockd"],
    rounds: 2,
    measures: KINDS.flatMap(({ key, what }): Measure[] => [
        {
            id: `command.${key}.count`,
            what: `knocks${what}`,
            unit: "",
            better: "more",
            value: (s) => s[key]?.length ?? 0,
        },
        {
            id: `command.${key}.lost`,
            what: "no command within 1 s",
            unit: "",
            better: "less",
            value: (s) => lost(s[key]),
            goal: { text: "none", holds: (count) => count === 0 },
        },
        {
            id: `command.${key}.min`,
            what: "shortest",
            unit: "ms",
            better: "less",
            value: (s) => quantile(came(s[key]), 0),
        },
        {
            id: `command.${key}.median`,
            what: "last hit to the start of the command, median",
            unit: "ms",
            better: "less",
            value: (s) => median(came(s[key])),
            ...(key === "start" ? { goal: { text: "< 5 ms", holds: (ms: number) => ms < 5 }, drawn: true } : {}),
        },
        {
            id: `command.${key}.p99`,
            what: "99 % within",
            unit: "ms",
            better: "less",
            value: (s) => quantile(came(s[key]), 0.99),
        },
        {
            id: `command.${key}.max`,
            what: "longest",
            unit: "ms",
            better: "less",
            value: (s) => quantile(came(s[key]), 1),
        },
    ]),
    async sample(rig, subject) {
        const times: Record<string, number[]> = {}
        for (const { key } of KINDS) {
            const running = await rig.start(subject, { stamps: key })
            await rig.knock({ subject, count: 3, stamps: true })
            times[key] = await rig.knock({ subject, count: 25, stamps: true })
            await running.finish()
        }
        return times
    },
}
