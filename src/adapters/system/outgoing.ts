/**
 * Sockets that node:net and node:dgram cannot make: bound to an interface, for echo requests, for raw TCP. Each
 * function does one system call and gives `null` or the name of the error (`EPERM`), as errno(3) calls it; none throws
 * but where the FFI library cannot load. Numbers are Linux's (asm-generic), the same on x86, ARM, RISC-V and POWER.
 */
import { constants } from "node:os"
import { type Address, isIPv4, parseAddress } from "../../core/net/address.ts"
import { ffi, libcFunction } from "./ffi.ts"
import { closeSocket, LITTLE, SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } from "./socket.ts"

export const SOCK_STREAM = 1
const AF_INET = 2
const AF_INET6 = 10
const SO_REUSEADDR = 2
const SO_LINGER = 13
const SO_BINDTODEVICE = 25

const calls = {
    socket: "int socket(int family, int type, int protocol)",
    setsockopt: "int setsockopt(int fd, int level, int name, const void *value, uint32_t length)",
    getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *length)",
    bind: "int bind(int fd, const void *address, uint32_t length)",
    connect: "int connect(int fd, const void *address, uint32_t length)",
    getsockname: "int getsockname(int fd, void *address, void *length)",
    getpeername: "int getpeername(int fd, void *address, void *length)",
    sendto: "long sendto(int fd, const void *bytes, size_t size, int flags, const void *address, uint32_t length)",
    if_nametoindex: "uint32_t if_nametoindex(const char *name)",
} as const

const loaded = new Map<string, (...args: unknown[]) => number>()

function call(name: keyof typeof calls, ...args: unknown[]): number {
    const made = loaded.get(name) ?? libcFunction(calls[name])
    loaded.set(name, made)
    return made(...args)
}

/** By number. Not node's `getSystemErrorName`: that knows only what libuv reports, and so not EINPROGRESS. */
const ERRORS = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

const errorName = (number: number): string => ERRORS.get(number) ?? `errno ${number}`

/** The name of the last error of this thread. Read at once after the call: nothing may come in between. */
function lastError(): string {
    return errorName(ffi().errno())
}

const failed = (result: number): string | null => (result < 0 ? lastError() : null)

/** An endpoint as text, with its zone if it has one, and a port (0 where none is meant). */
export type Endpoint = { readonly address: string; readonly port: number }

/** A new non-blocking socket that no child inherits, or why there is none. */
export function openSocket(
    family: 4 | 6,
    type: number,
    protocol: number,
): { readonly ok: true; readonly fd: number } | { readonly ok: false; readonly error: string } {
    const fd = call("socket", family === 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)
    return fd < 0 ? { ok: false, error: lastError() } : { ok: true, fd }
}

/** Lets packets out by this interface alone (socket(7), SO_BINDTODEVICE; without privilege since Linux 5.7). */
export function bindToInterface(fd: number, name: string): string | null {
    const value = Buffer.from(`${name}\0`)
    return failed(call("setsockopt", fd, SOL_SOCKET, SO_BINDTODEVICE, value, value.length))
}

/** Where packets come from. */
export function bindSource(fd: number, source: Endpoint): string | null {
    const again = failed(call("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, int(1), 4))
    if (again !== null) return again
    const name = socketAddress(source)
    return name === null ? "EINVAL" : failed(call("bind", fd, name, name.length))
}

/** Begins to connect. `EINPROGRESS` is what a good beginning says. */
export function beginConnect(fd: number, to: Endpoint): string | null {
    const name = socketAddress(to)
    return name === null ? "EINVAL" : failed(call("connect", fd, name, name.length))
}

/** How far `beginConnect` is: `null` when connected, `EINPROGRESS`, or what went wrong. */
export function connectState(fd: number): string | null {
    const error = int(0)
    const known = failed(call("getsockopt", fd, SOL_SOCKET, SO_ERROR, error, int(4)))
    if (known !== null) return known
    const number = read32(error, 0)
    if (number !== 0) return errorName(number)
    return failed(call("getpeername", fd, Buffer.alloc(28), int(28))) === null ? null : "EINPROGRESS"
}

/** The address that this socket sends from, after `beginConnect`; null if there is none. */
export function localAddress(fd: number): Address | null {
    const name = Buffer.alloc(28)
    if (call("getsockname", fd, name, int(name.length)) < 0) return null
    const family = LITTLE ? name.readUInt16LE(0) : name.readUInt16BE(0)
    if (family === AF_INET) return [0, 0, 0xffff, name.readUInt32BE(4)]
    return [name.readUInt32BE(8), name.readUInt32BE(12), name.readUInt32BE(16), name.readUInt32BE(20)]
}

/** Sends one datagram, all of it or nothing. */
export function sendTo(fd: number, bytes: Uint8Array, to: Endpoint): string | null {
    const name = socketAddress(to)
    return name === null ? "EINVAL" : failed(call("sendto", fd, bytes, bytes.length, 0, name, name.length))
}

/** Closes a TCP socket without a farewell: nothing is kept in TIME_WAIT, a peer that answered gets a reset. */
export function resetSocket(fd: number): void {
    call("setsockopt", fd, SOL_SOCKET, SO_LINGER, Buffer.concat([int(1), int(0)]), 8)
    closeSocket(fd)
}

/** A sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)); null if the address or its zone is unknown. */
function socketAddress({ address, port }: Endpoint): Buffer | null {
    const [text, zone] = address.split("%")
    const words = parseAddress(text!)
    if (words === null) return null
    const v4 = isIPv4(words) && !text!.includes(":")
    const bytes = Buffer.alloc(v4 ? 16 : 28)
    write16(bytes, v4 ? AF_INET : AF_INET6)
    bytes.writeUInt16BE(port, 2)
    if (v4) bytes.writeUInt32BE(words[3], 4)
    else for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, 8 + 4 * i)
    if (zone !== undefined) {
        const index = /^\d+$/.test(zone) ? Number(zone) : call("if_nametoindex", zone)
        if (v4 || index === 0) return null
        bytes.set(int(index), 24)
    }
    return bytes
}

function int(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    if (LITTLE) bytes.writeInt32LE(value)
    else bytes.writeInt32BE(value)
    return bytes
}

const read32 = (bytes: Buffer, at: number): number => (LITTLE ? bytes.readInt32LE(at) : bytes.readInt32BE(at))

const write16 = (bytes: Buffer, value: number): number =>
    LITTLE ? bytes.writeUInt16LE(value) : bytes.writeUInt16BE(value)
