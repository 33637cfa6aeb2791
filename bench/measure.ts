/**
 * The measuring process of the latency benchmark, in the knocker's namespace: knocks with plain connection attempts,
 * the last one timed, and tries the port again and again until it opens. System calls go straight to libc, blocking:
 * on this link an answer is there when the call returns, and nothing of Node's event loop is in the figures.
 *
 * argv[2]: a JSON `Order`; prints a JSON array of milliseconds, null for a knock that opened nothing in time.
 */
import koffi from "koffi"

/** One run: every source knocks once. */
export type Order = {
    readonly gateway: string
    readonly hits: readonly number[]
    readonly port: number
    readonly sources: readonly string[]
    /** Between the hits of a knock, in milliseconds. */
    readonly gap: number
    /** Give a knock up after this time, in milliseconds. */
    readonly patience: number
}

const AF_INET = 2
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_SNDTIMEO = 21
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

const libc = koffi.load(null)
const socket = libc.func("int socket(int domain, int type, int protocol)")
const bind = libc.func("int bind(int fd, const uint8_t *address, uint32_t length)")
const connect = libc.func("int connect(int fd, const uint8_t *address, uint32_t length)")
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)")
const close = libc.func("int close(int fd)")

const order: Order = JSON.parse(process.argv[2] ?? "null")
const times = order.sources.map((source) => knock(order, source))
process.stdout.write(`${JSON.stringify(times)}\n`)

/** Milliseconds from just before the last hit is sent until a connection is made; null: not in time. */
function knock({ gateway, hits, port, gap, patience }: Order, source: string): number | null {
    for (const hit of hits.slice(0, -1)) {
        attempt(source, gateway, hit)
        Atomics.wait(SLEEP, 0, 0, gap)
    }
    const begun = process.hrtime.bigint()
    attempt(source, gateway, hits.at(-1)!)
    for (;;) {
        const open = attempt(source, gateway, port)
        const milliseconds = Number(process.hrtime.bigint() - begun) / 1e6
        if (open) return milliseconds
        if (milliseconds > patience) return null
    }
}

/** One connection attempt; the socket is closed with a reset, so that nothing lingers. */
function attempt(source: string, host: string, port: number): boolean {
    const fd: number = socket(AF_INET, SOCK_STREAM, 0)
    if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), 8)
    // A lost answer must not hang the run: struct timeval, one second.
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 16)
    if (bind(fd, address(source, 0), 16) !== 0) throw new Error(`bind ${source}: errno ${koffi.errno()}`)
    const open = connect(fd, address(host, port), 16) === 0
    close(fd)
    return open
}

/** struct sockaddr_in. */
function address(ip: string, port: number): Buffer {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt16LE(AF_INET, 0)
    bytes.writeUInt16BE(port, 2)
    bytes.set(ip.split(".").map(Number), 4)
    return bytes
}
