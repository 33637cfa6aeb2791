/**
 * Runs a capture and the links of its namespace, for `startWorker`. Commands, each answered by an event of its name:
 * `{ start: adapter, watching }`, `{ follow, watching }`, `{ stats }`, `{ links }`, `{ stop }`, and
 * `{ stall: path }`, which blocks until the file is there; from then on each reading tells what it allocated, until
 * `{ resume }`.
 * Events: `{ packet }`, `{ trouble }`, `{ changed }` (of the links), `{ reading }`.
 */
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { nflogCapture } from "../../src/adapters/capture/nflog.ts"
import { packetSocketCapture } from "../../src/adapters/capture/packet-socket.ts"
import { systemClock } from "../../src/adapters/clock/system.ts"
import { rtnetlinkLinks } from "../../src/adapters/links/rtnetlink.ts"
import { socketServices } from "../../src/adapters/services/sockets.ts"
import { formatAddress } from "../../src/core/net/address.ts"
import type { Watching } from "../../src/core/watch.ts"
import type { Capture, CaptureSink } from "../../src/ports/capture.ts"
import { describePacket } from "../unit/capture/vectors.ts"

type Command = {
    readonly start?: "nflog" | "packet-socket"
    readonly follow?: true
    readonly watching?: Watching
    readonly stats?: true
    readonly links?: true
    readonly services?: true
    readonly listen?: true
    readonly stop?: true
    readonly stall?: string
    readonly resume?: true
}

const clock = systemClock()
const links = rtnetlinkLinks()
let capture: Capture | null = null
/** While stalled, packets are counted and not told: telling them allocates. */
let counting = false
let count = 0
let heap = 0
let last = 0

const sink: CaptureSink = {
    packet(packet) {
        if (counting) {
            if (count++ === 0) heap = process.memoryUsage().heapUsed
            return
        }
        const ordered = packet.time >= last && packet.time <= clock.monotonic() && Number.isInteger(packet.time)
        last = packet.time
        tell({ packet: describePacket(packet), ordered })
    },
    drained() {
        if (!counting) return
        tell({ reading: { packets: count, bytes: process.memoryUsage().heapUsed - heap } })
        count = 0
    },
    trouble: (what) => tell({ trouble: what }),
}

tell({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line)
    obey(command)
}

function obey(command: Command): void {
    if (command.start !== undefined) {
        try {
            capture ??= command.start === "nflog" ? nflogCapture({ clock }) : packetSocketCapture({ clock, links })
            capture.start(command.watching!, sink)
            tell({ started: capture.name })
        } catch (error) {
            tell({ refused: error instanceof Error ? error.message : String(error) })
        }
    } else if (command.follow !== undefined) {
        capture!.follow(command.watching!)
        tell({ followed: true })
    } else if (command.stats) {
        tell({ stats: capture!.stats() })
    } else if (command.links) {
        const { interfaces, addresses, defaultRoutes } = links.current()
        const texts = addresses.map(({ address, interface: index }) => [formatAddress(address), index])
        tell({ links: { interfaces, addresses: texts, defaultRoutes } })
    } else if (command.listen) {
        links.start(() => tell({ changed: true }))
        tell({ listening: true })
    } else if (command.services) {
        tell({ services: socketServices().offered() })
    } else if (command.stop) {
        capture!.stop()
        tell({ stopped: true })
    } else if (command.resume) {
        counting = false
        tell({ resumed: true })
    } else if (command.stall !== undefined) {
        counting = true
        global.gc!()
        tell({ stalled: true })
        // Blocks the event loop on purpose, so that all packets are read in one go; bounded.
        for (let i = 0; i < 4000 && !existsSync(command.stall); i++) {
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
        }
    }
}

function tell(event: Readonly<Record<string, unknown>>): void {
    process.stdout.write(`${JSON.stringify(event)}\n`)
}
