/**
 * The measuring process of the benchmark, in the knocker's namespace: knocks with plain connection attempts, the last
 * one timed, and tries the port again and again until it opens, or waits for the time that the door's command has noted
 * when it began. System calls go straight to libc, blocking: on this
 * link an answer is there when the call returns, and nothing of Node's event loop is in the figures.
 *
 * argv[2]: a JSON `Order`; prints a JSON array of milliseconds, null for a knock that opened nothing in time.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import koffi from "koffi"
import { isIPv4, parseAddress } from "../src/core/net/address.ts"

/** One run: every source knocks once, as long as there is time. */
export type Order = {
    readonly gateway: string
    readonly hits: readonly number[]
    readonly port: number
    /** Where commands leave a file for each source with the time in it; null: the port is tried. */
    readonly stamps: string | null
    readonly sources: readonly string[]
    /** Between the hits of a knock, in milliseconds. */
    readonly gap: number
    /** From the beginning of a knock to that of the next, at least, in milliseconds. */
    readonly every: number
    /** No knock begins later than this, in milliseconds. */
    readonly until: number
    /** Give a knock up after this time, in milliseconds. */
    readonly patience: number
}

const AF_INET = 2
const AF_INET6 = 10
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
const clock = libc.func("int clock_gettime(int clock, int64_t *time)")

const order: Order = JSON.parse(process.argv[2] ?? "null")
process.stdout.write(`${JSON.stringify(knocks(order))}\n`)

function knocks({ sources, every, until }: Order): (number | null)[] {
    const begun = now()
    const times: (number | null)[] = []
    for (const [index, source] of sources.entries()) {
        sleep(Math.max(0, begun + index * every - now()))
        if (now() - begun > until) break
        times.push(knock(order, source))
    }
    return times
}

/** Milliseconds from just before the last hit is sent until a connection is made or a command begins; null: too late. */
function knock({ gateway, hits, port, stamps, gap, patience }: Order, source: string): number | null {
    for (const hit of hits.slice(0, -1)) {
        attempt(source, gateway, hit)
        sleep(gap)
    }
    const sent = wall()
    const begun = now()
    attempt(source, gateway, hits.at(-1)!)
    for (;;) {
        if (stamps !== null) {
            const stamp = stampIn(join(stamps, source))
            if (stamp !== null) return Number(stamp - sent) / 1e6
            sleep(1)
        } else if (attempt(source, gateway, port)) return now() - begun
        if (now() - begun > patience) return null
    }
}

function now(): number {
    return Number(process.hrtime.bigint()) / 1e6
}

/** The time of day that date(1) knows, too, in nanoseconds since 1970. */
function wall(): bigint {
    const time = new BigInt64Array(2)
    if (clock(0, time) !== 0) throw new Error(`clock_gettime: errno ${koffi.errno()}`)
    return time[0]! * 1_000_000_000n + time[1]!
}

/** What `date +%s%N` has written to a file, once it is all there. */
function stampIn(file: string): bigint | null {
    try {
        const text = readFileSync(file, "utf8")
        return text.endsWith("\n") ? BigInt(text.trim()) : null
    } catch {
        return null
    }
}

function sleep(ms: number): void {
    if (ms > 0) Atomics.wait(SLEEP, 0, 0, ms)
}

/** One connection attempt; the socket is closed with a reset, so that nothing lingers. */
function attempt(source: string, host: string, port: number): boolean {
    const [from, to] = [address(source, 0), address(host, port)]
    const fd: number = socket(from.length === 16 ? AF_INET : AF_INET6, SOCK_STREAM, 0)
    if (fd < 0) throw new Error(`socket: errno ${koffi.errno()}`)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), 8)
    // A lost answer must not hang the run: struct timeval, one second.
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 16)
    if (bind(fd, from, from.length) !== 0) throw new Error(`bind ${source}: errno ${koffi.errno()}`)
    const open = connect(fd, to, to.length) === 0
    close(fd)
    return open
}

/** struct sockaddr_in or sockaddr_in6. */
function address(text: string, port: number): Buffer {
    const words = parseAddress(text)
    if (words === null) throw new Error(`no address: ${text}`)
    const four = isIPv4(words)
    const bytes = Buffer.alloc(four ? 16 : 28)
    bytes.writeUInt16LE(four ? AF_INET : AF_INET6, 0)
    bytes.writeUInt16BE(port, 2)
    if (four) bytes.writeUInt32BE(words[3], 4)
    else for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, 8 + index * 4)
    return bytes
}
