/**
 * Somebody on the other side of the wire, in a process of his own so that he never stops: he knocks, and tries doors
 * without end. Run by `startOutsider` (outside.ts), told by lines on his standard input:
 *
 * - `knock SOURCE PORT…`: a UDP hit on each port, from that source;
 * - `storm EVERY PORT…`: whole knocks from ever new sources from 10.99.200.0 on, one in so many milliseconds; 0 ends it;
 * - `try NAME SOURCE PORT`: connects to the port from that source, again and again, and counts what comes of it;
 * - `rest NAME`: does that no longer;
 * - `tell`: prints all counts as JSON.
 */
import { createSocket } from "node:dgram"
import { connect } from "node:net"
import { createInterface } from "node:readline"

/** What came of attempts to connect. `last`: milliseconds since 1970 of the last one that was open, 0: none. */
type Counts = { open: number; refused: number; silent: number; last: number }

const [gateway = ""] = process.argv.slice(2)
const counts = new Map<string, Counts>()
const trying = new Set<string>()
let storm: NodeJS.Timeout | undefined
let stranger = 0

/** Tries at once, then a moment after each answer (ms); an answer that does not come in this time (ms) is silence. */
const PAUSE = 10
const PATIENCE = 1500

async function knock(source: string, ports: readonly string[]): Promise<void> {
    const socket = createSocket("udp4")
    // Closed ports answer; nobody here cares.
    socket.on("error", () => {})
    await new Promise<void>((resolve) => socket.bind(0, source, resolve))
    for (const port of ports) await new Promise((resolve) => socket.send("", Number(port), gateway, resolve))
    socket.close()
}

function attempt(localAddress: string, port: number): Promise<"open" | "refused" | "silent"> {
    return new Promise((resolve) => {
        const socket = connect({ host: gateway, port, localAddress })
        // An answer that is there, and that nobody has had the time to look at, is looked at first.
        const late = setTimeout(() => setImmediate(end, "silent"), PATIENCE)
        const end = (what: "open" | "refused" | "silent") => {
            clearTimeout(late)
            socket.resetAndDestroy()
            resolve(what)
        }
        socket.once("connect", () => end("open"))
        socket.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED" ? "refused" : "silent"))
    })
}

async function tryOn(name: string, source: string, port: number): Promise<void> {
    trying.add(name)
    const mine = { open: 0, refused: 0, silent: 0, last: 0 }
    counts.set(name, mine)
    while (trying.has(name)) {
        const what = await attempt(source, port)
        mine[what]++
        if (what === "open") mine.last = Date.now()
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
}

process.stdout.write("ready\n")
for await (const line of createInterface({ input: process.stdin })) {
    const [what, first = "", second = "", ...rest] = line.split(" ")
    if (what === "knock") void knock(first, [second, ...rest])
    if (what === "try") void tryOn(first, second, Number(rest[0]))
    if (what === "rest") trying.delete(first)
    if (what === "tell") process.stdout.write(`${JSON.stringify(Object.fromEntries(counts))}\n`)
    if (what === "storm") {
        clearInterval(storm)
        const next = () => {
            const number = 51_200 + (stranger++ % 12_000)
            void knock(`10.99.${number >> 8}.${number & 255}`, [second, ...rest])
        }
        if (first !== "0") storm = setInterval(next, Number(first))
    }
}
