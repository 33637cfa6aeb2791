import { setTimeout as pause } from "node:timers/promises"
import { median, type Row } from "../row.ts"
import { atRest } from "../running.ts"
import { usageOf } from "../usage.ts"

const SECONDS = 4
/** Some seconds after a process of Node.js has last done something, V8 collects its garbage: once, and flood or not. */
const SETTLE_MS = 12_000

/** A flood that concerns no door: what the daemon does in it, less what it does in as much time without one. */
export const silent: Row = {
    name: "silent",
    title: "20 000 packets per second to ports of no door",
    how: `SYNs from random sources to ports of no sequence, for ${SECONDS} s, beside the same time without a flood, which is subtracted. A wake-up is a voluntary context switch of any of the daemon's threads. The packet socket has no memory in the kernel of who is knocking, so every new packet is passed up: wake-ups are bounded by batching.`,
    subjects: ["postern", "packet-socket", "drop-in", "knockd"],
    rounds: 2,
    measures: [
        {
            id: "silent.rate",
            what: "packets sent and arrived",
            unit: "/s",
            better: "more",
            value: (s) => median(s["sent"]),
        },
        {
            id: "silent.idle",
            what: "wake-ups without a flood",
            unit: "",
            better: "less",
            value: (s) => median(s["idle"]),
        },
        {
            id: "silent.wakes",
            what: "wake-ups by the flood",
            unit: "",
            better: "less",
            value: (s) => median(s["wakes"]),
            goal: { text: "0", holds: (wakes) => wakes <= 0, of: ["postern"] },
            drawn: true,
        },
        {
            id: "silent.cpu",
            what: "processor time by the flood",
            unit: "ms",
            better: "less",
            value: (s) => median(s["cpu"]),
        },
    ],
    async sample(rig, subject) {
        const running = await rig.start(subject)
        const { pid } = running
        await rig.knock({ subject, count: 2 })
        await atRest(pid)
        if (subject !== "knockd") await pause(SETTLE_MS)
        const begun = usageOf(pid)
        await pause(SECONDS * 1000)
        const idle = usageOf(pid)
        const flooded = await rig.flood({ ports: [9, 4444, 60_000], rate: 20_000, seconds: SECONDS })
        const done = usageOf(pid)
        await running.finish()
        const [without, within] = [idle.wakes - begun.wakes, done.wakes - idle.wakes]
        return {
            sent: [flooded.perSecond],
            idle: [without],
            wakes: [Math.max(0, within - without)],
            cpu: [Math.max(0, done.cpu - idle.cpu - (idle.cpu - begun.cpu)) / 1e6],
        }
    },
}
