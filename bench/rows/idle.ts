import { spawnSync } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { POSTERN } from "../../test/lab/lab.ts"
import { median, type Row, type Subject } from "../row.ts"
import { pssOf, usageOf } from "../usage.ts"

const SECONDS = 10
const TIMES = 7
/** See silent.ts. */
const SETTLE_MS = 12_000

/** Programs that do their work and end, for their start-up. */
const CLIENTS: Readonly<Record<Subject, Readonly<Record<string, readonly string[]>>>> = {
    postern: {
        help: [POSTERN, "--help"],
        client: [POSTERN, "knock", "--dry-run", "127.0.0.1", "7000", "8000", "9000"],
        floor: [process.execPath, "-e", "0"],
    },
    "packet-socket": {},
    "drop-in": {
        help: [POSTERN, "knockd", "--help"],
        client: [POSTERN, "knock-compat", "-d", "0", "127.0.0.1", "7000:udp"],
    },
    knockd: { help: ["knockd", "--help"], client: ["knock", "-d", "0", "127.0.0.1", "7000:udp"] },
}

/** What it costs to be there. */
export const idle: Row = {
    name: "idle",
    title: "At rest, and starting",
    how: `Memory and voluntary context switches of all threads in ${SECONDS} s without traffic; from the start of the program until it watches; and clients: \`postern knock --dry-run\` beside \`knock\` sending one hit, and an empty Node.js program, which is the floor.`,
    subjects: ["postern", "drop-in", "knockd"],
    rounds: 2,
    measures: [
        {
            id: "idle.rss",
            what: "resident memory",
            unit: "MB",
            better: "less",
            value: (s) => median(s["rss"]),
            drawn: true,
        },
        {
            id: "idle.pss",
            what: "resident memory, its share (PSS)",
            unit: "MB",
            better: "less",
            value: (s) => median(s["pss"]),
        },
        {
            id: "idle.wakes",
            what: `wake-ups in ${SECONDS} s`,
            unit: "",
            better: "less",
            value: (s) => median(s["wakes"]),
            goal: { text: "0", holds: (wakes) => wakes === 0 },
        },
        {
            id: "idle.start",
            what: "daemon: start until it watches",
            unit: "ms",
            better: "less",
            value: (s) => median(s["start"]),
        },
        { id: "idle.help", what: "--help", unit: "ms", better: "less", value: (s) => median(s["help"]) },
        {
            id: "idle.client",
            what: "a client command",
            unit: "ms",
            better: "less",
            value: (s) => median(s["client"]),
            goal: { text: "< 150 ms", holds: (ms) => ms < 150 },
        },
        {
            id: "idle.floor",
            what: "an empty Node.js program",
            unit: "ms",
            better: "less",
            value: (s) => median(s["floor"]),
        },
    ],
    async sample(rig, subject) {
        const starts: number[] = []
        for (let time = 0; time < 3; time++) {
            const running = await rig.start(subject)
            starts.push(running.ready)
            await running.finish()
        }
        const running = await rig.start(subject)
        const { pid } = running
        if (subject !== "knockd") await pause(SETTLE_MS)
        const before = usageOf(pid)
        await pause(SECONDS * 1000)
        const after = usageOf(pid)
        const pss = pssOf(pid)
        await running.finish()
        const clients = Object.entries(CLIENTS[subject]).map(([name, argv]) => [name, times(argv)] as const)
        return {
            start: starts,
            rss: [after.rss / 1e6],
            pss: [pss / 1e6],
            wakes: [after.wakes - before.wakes],
            ...Object.fromEntries(clients),
        }
    },
}

function times(argv: readonly string[]): number[] {
    return Array.from({ length: TIMES }, () => {
        const begun = performance.now()
        const { error } = spawnSync(argv[0]!, argv.slice(1), { stdio: "ignore", timeout: 20_000 })
        if (error) throw error
        return performance.now() - begun
    })
}
