import { came, lost, median, quantile, type Row, type Subject } from "../row.ts"

/** They open by themselves; the others run `iptables`, which takes its time. */
const NATIVE: readonly Subject[] = ["postern", "packet-socket"]

/**
 * From the last hit to the open port: "open" is the same for all, a connection attempt of the knocker that succeeds,
 * tried again at once whenever it is refused.
 */
export const latency: Row = {
    name: "latency",
    title: "Last hit to open port",
    how: "Knocks of three hits, 5 ms apart, each from an address that has never knocked; from just before the last SYN is sent until a connection is made.",
    subjects: ["postern", "packet-socket", "drop-in", "knockd"],
    rounds: 4,
    measures: [
        { id: "latency.count", what: "knocks", unit: "", better: "more", value: ({ ms }) => ms?.length ?? 0 },
        {
            id: "latency.lost",
            what: "opened nothing within 1 s",
            unit: "",
            better: "less",
            value: ({ ms }) => lost(ms),
            goal: { text: "none", holds: (count) => count === 0 },
        },
        { id: "latency.min", what: "shortest", unit: "ms", better: "less", value: ({ ms }) => quantile(came(ms), 0) },
        {
            id: "latency.median",
            what: "last hit to open port, median",
            unit: "ms",
            better: "less",
            value: ({ ms }) => median(came(ms)),
            goal: { text: "< 1 ms", holds: (ms) => ms < 1, of: NATIVE },
            drawn: true,
        },
        {
            id: "latency.p99",
            what: "99 % within",
            unit: "ms",
            better: "less",
            value: ({ ms }) => quantile(came(ms), 0.99),
            goal: { text: "< 5 ms", holds: (ms) => ms < 5, of: NATIVE },
        },
        { id: "latency.max", what: "longest", unit: "ms", better: "less", value: ({ ms }) => quantile(came(ms), 1) },
    ],
    async sample(rig, subject) {
        const running = await rig.start(subject)
        // A few to warm up: code is compiled, neighbours are known.
        await rig.knock({ subject, count: 3 })
        const ms = await rig.knock({ subject, count: 40 })
        await running.finish()
        return { ms }
    },
}
