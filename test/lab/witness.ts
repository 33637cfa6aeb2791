/** Who sees what really is on the wire: tcpdump, one line per packet. */
import { collectLines } from "./lines.ts"
import type { Namespace } from "./namespace.ts"

/** Packets seen on one interface. */
export type Witness = {
    /**
     * Every packet seen until now, without those of other tests: asks `mark` to send a datagram to the given port, and
     * waits until it is seen. Nothing sent before it can come after it.
     */
    readonly until: (mark: (port: number) => void) => Promise<readonly string[]>
    readonly stop: () => void
}

/** What one host saw of some others. */
export type Record = {
    /** Packets of this source: when (seconds since `from`, as by the clock of Date.now) and to which port. */
    readonly of: (source: string, from: number) => readonly string[]
}

const FIRST_MARK = 60_000

/** Begins to watch what comes in by this interface. */
export async function watchPackets(namespace: Namespace, device: string, filter: string): Promise<Witness> {
    const argv = ["tcpdump", "-i", device, "-Q", "in", "-n", "-l", "-t", "--immediate-mode", filter]
    const child = namespace.start(argv)
    const lines = collectLines(child, child.stdout!)
    await collectLines(child, child.stderr!).waitFor(/listening on/)
    let marks = 0
    let seen = 0
    return {
        async until(mark) {
            const port = FIRST_MARK + marks++
            mark(port)
            await lines.waitFor(new RegExp(`\\.${port}: `), { from: seen })
            const packets = lines.all.slice(seen)
            seen = lines.all.length
            return packets.filter((line) => !line.includes(`.${port}: `))
        },
        stop: () => void child.kill("SIGTERM"),
    }
}

/** Writes down the TCP and UDP packets that go in or out here, of sources and to destinations in this filter. */
export async function recordPackets(
    namespace: Namespace,
    device: string,
    way: "in" | "out",
    filter: string,
): Promise<Record> {
    const argv = [
        "tcpdump",
        "-i",
        device,
        "-Q",
        way,
        "-n",
        "-l",
        "-tt",
        "-q",
        "--immediate-mode",
        `(tcp or udp) and (${filter})`,
    ]
    const child = namespace.start(argv)
    const lines = collectLines(child, child.stdout!)
    await collectLines(child, child.stderr!).waitFor(/listening on/)
    return {
        of: (source, from) =>
            lines.all.flatMap((line) => {
                const [time = "", , sender = "", , target = ""] = line.split(" ")
                if (sender.slice(0, sender.lastIndexOf(".")) !== source || Number(time) * 1000 < from) return []
                const port = target.slice(target.lastIndexOf(".") + 1, -1)
                return [`${port} at ${(Number(time) - from / 1000).toFixed(3)}`]
            }),
    }
}
