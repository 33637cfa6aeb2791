/**
 * A bounded packet sender for namespaces of our own: hand-made TCP and UDP packets over IPv4 and IPv6, from real or
 * spoofed sources, in any order of ports, paced or as fast as it goes. As a program:
 *
 *     node --import tsx test/lab/flood.ts '{"namespace": "pt-1-knocker", "device": "eth0", "mac": "02:…", …}'
 *
 * It prints one line of JSON (`Flooded`). It refuses to run anywhere but in the named
 * namespace it is told, and stops at MAX_PACKETS and MAX_SECONDS whatever it is asked.
 *
 * On a veth pair the receiver's kernel works on the sender's processor, so what it reaches depends on what becomes of
 * the packets there. Measured on two virtual CPUs: some 100 000 a second where each is answered with a reset, above
 * 200 000 where they end at the receiver (`shield` in lab.ts).
 */
import { statSync } from "node:fs"
import { type FrameOrder, frameWriter } from "./frames.ts"
import { openSender } from "./packet-socket.ts"

/** What to send. */
export type Flood = FrameOrder & {
    /** The network namespace this must run in, as `ip netns` knows it. */
    readonly namespace: string
    readonly device: string
    readonly count: number
    /** Packets per second; 0: as fast as it goes. */
    readonly rate: number
}

/** `cpu`: seconds of processor time that it took, the receiver's kernel included: what a busy machine does not distort. */
export type Flooded = {
    readonly sent: number
    readonly seconds: number
    readonly perSecond: number
    readonly cpu: number
}

/** Our own limits, for the peace of the machine. */
const MAX_PACKETS = 5_000_000
const MAX_SECONDS = 120
const BATCH = 64
const FRAME = 128

/** Sends it all, blocking. Throws when it is not in the namespace it was told, or when the kernel refuses. */
export function flood(order: Flood): Flooded {
    refuseElsewhere(order.namespace)
    const count = Math.min(order.count, MAX_PACKETS)
    const sender = openSender(order.device, BATCH, FRAME)
    const writer = frameWriter(order, sender.frames)
    const before = process.cpuUsage()
    const begun = performance.now()
    let sent = 0
    while (sent < count) {
        const elapsed = (performance.now() - begun) / 1000
        if (elapsed > MAX_SECONDS) break
        const due = order.rate === 0 ? count : Math.min(count, Math.floor(elapsed * order.rate) + 1)
        const batch = Math.min(BATCH, due - sent)
        if (batch <= 0) {
            Atomics.wait(SLEEP, 0, 0, 1)
            continue
        }
        for (let slot = 0; slot < batch; slot++) sender.length(slot, writer.next(slot))
        sender.send(batch)
        sent += batch
    }
    sender.close()
    const seconds = (performance.now() - begun) / 1000
    const { user, system } = process.cpuUsage(before)
    return { sent, seconds, perSecond: Math.round(sent / seconds), cpu: (user + system) / 1e6 }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))

function refuseElsewhere(namespace: string): void {
    const [here, there] = ["/proc/self/ns/net", `/run/netns/${namespace}`].map((path) => statSync(path))
    if (here!.ino === there!.ino && here!.dev === there!.dev) return
    throw new Error(`refusing to send: this is not the network namespace ${namespace}`)
}

if (process.argv[1] === import.meta.filename) {
    const order: Flood = JSON.parse(process.argv[2] ?? "null")
    process.stdout.write(`${JSON.stringify(flood(order))}\n`)
}
