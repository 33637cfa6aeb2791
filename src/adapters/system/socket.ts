/**
 * Sockets that Node has no class for: packet and netlink sockets. Thin, synchronous, non-blocking; who wants to be
 * woken uses `readable` (poll.ts). Structs are written by hand only where the kernel fixes every width.
 */
import { endianness } from "node:os"
import { EAGAIN, EINTR, lastErrno, SystemError } from "./errno.ts"
import { ffi, libcFunction } from "./ffi.ts"
import { allocate, type Memory } from "./memory.ts"

/** Constants of Linux's socket headers (the generic numbers, the same on every platform that Node runs on). */
export const AF_UNIX = 1
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_CLOEXEC = 0o2000000
export const SOCK_NONBLOCK = 0o4000
export const SOL_SOCKET = 1
export const SO_ERROR = 4
const SO_SNDBUF = 7
const SO_SNDBUFFORCE = 32
const SO_RCVBUF = 8
const SO_RCVBUFFORCE = 33
const SO_ATTACH_FILTER = 26
const MSG_DONTWAIT = 0x40
/** Bytes of a local socket's name, without the zero at its end. */
const LOCAL_PATH_MOST = 107

/** Is this machine little-endian? Netlink and packet rings speak the host's byte order. */
export const LITTLE = endianness() === "LE"

type Calls = ReturnType<typeof loadCalls>
let calls: Calls | undefined

function loadCalls() {
    return {
        socket: libcFunction("int socket(int domain, int type, int protocol)"),
        close: libcFunction("int close(int fd)"),
        connect: libcFunction("int connect(int fd, const void *address, unsigned int length)"),
        bind: libcFunction("int bind(int fd, const void *address, unsigned int length)"),
        setsockopt: libcFunction("int setsockopt(int fd, int level, int name, const void *value, unsigned int length)"),
        getsockopt: libcFunction("int getsockopt(int fd, int level, int name, void *value, void *length)"),
        send: libcFunction("intptr_t send(int fd, const void *bytes, size_t length, int flags)"),
        sendto: libcFunction(
            "intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *to, unsigned int size)",
        ),
        recv: libcFunction("intptr_t recv(int fd, void *bytes, size_t length, int flags)"),
        recvmmsg: libcFunction(
            "int recvmmsg(int fd, void *messages, unsigned int count, unsigned int flags, void *timeout)",
        ),
    }
}

function libc(): Calls {
    calls ??= loadCalls()
    return calls
}

/** Opens a non-blocking socket that children do not inherit. Throws SystemError. */
export function openSocket(domain: number, type: number, protocol: number): number {
    const fd = libc().socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)
    if (fd < 0) throw new SystemError("socket", lastErrno())
    return fd
}

/**
 * The address of a local socket (man 7 unix): a path, or a name outside the file system, which begins with a NUL. Null if
 * it is too long, or has a NUL elsewhere.
 */
export function localAddress(path: string): Uint8Array | null {
    const bytes = new TextEncoder().encode(path)
    if (bytes.length > LOCAL_PATH_MOST || bytes.length === 0 || bytes.indexOf(0, 1) >= 0) return null
    const address = new Uint8Array(2 + bytes.length + (bytes[0] === 0 ? 0 : 1))
    new DataView(address.buffer).setUint16(0, AF_UNIX, LITTLE)
    address.set(bytes, 2)
    return address
}

/** Closes a descriptor. Errors say nothing of use here: it is gone either way. */
export function closeSocket(fd: number): void {
    libc().close(fd)
}

/** Binds to a socket address as the kernel lays it out. Throws SystemError. */
export function bindSocket(fd: number, address: Uint8Array): void {
    if (libc().bind(fd, address, address.length) < 0) throw new SystemError("bind", lastErrno())
}

/** Connects to a socket address as the kernel lays it out. Throws SystemError. */
export function connectSocket(fd: number, address: Uint8Array): void {
    if (libc().connect(fd, address, address.length) < 0) throw new SystemError("connect", lastErrno())
}

/** Sets an option to raw bytes. Throws SystemError with `what` as the name of the option. */
export function setOption(fd: number, level: number, name: number, value: Uint8Array, what: string): void {
    if (libc().setsockopt(fd, level, name, value, value.length) < 0) {
        throw new SystemError(`setsockopt ${what}`, lastErrno())
    }
}

/** Sets an option to an integer. Throws SystemError. */
export function setNumber(fd: number, level: number, name: number, value: number, what: string): void {
    setOption(fd, level, name, new Uint8Array(Int32Array.of(value).buffer), what)
}

/** Reads an option of `size` bytes. Throws SystemError. */
export function getOption(fd: number, level: number, name: number, size: number, what: string): DataView {
    const value = new Uint8Array(size)
    const length = new Uint8Array(Uint32Array.of(size).buffer)
    if (libc().getsockopt(fd, level, name, value, length) < 0) {
        throw new SystemError(`getsockopt ${what}`, lastErrno())
    }
    return new DataView(value.buffer)
}

/** The error that waits on a socket, which reading it clears; 0 if there is none or the descriptor is bad. */
export function takeError(fd: number): number {
    try {
        return getOption(fd, SOL_SOCKET, SO_ERROR, 4, "SO_ERROR").getInt32(0, LITTLE)
    } catch {
        return 0
    }
}

/** Asks for a receive buffer of so many bytes: past the system's limit if we may (CAP_NET_ADMIN), else up to it. */
export function setReceiveBuffer(fd: number, size: number): void {
    try {
        setNumber(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, "SO_RCVBUFFORCE")
    } catch {
        setNumber(fd, SOL_SOCKET, SO_RCVBUF, size, "SO_RCVBUF")
    }
}

/** Asks for room to send so many bytes in one go: past the system's limit if we may (CAP_NET_ADMIN), else up to it. */
export function setSendBuffer(fd: number, size: number): void {
    try {
        setNumber(fd, SOL_SOCKET, SO_SNDBUFFORCE, size, "SO_SNDBUFFORCE")
    } catch {
        setNumber(fd, SOL_SOCKET, SO_SNDBUF, size, "SO_SNDBUF")
    }
}

let filterProgram: ReturnType<ReturnType<typeof ffi>["struct"]> | undefined

/** A classic BPF program: `struct sock_filter` after `struct sock_filter`. Attaching replaces the one before at once. */
export function attachFilter(fd: number, program: Uint8Array): void {
    // struct sock_fprog holds a pointer, so the FFI library lays it out for this platform. Both pieces must stay where
    // they are for the time of the call: the heap of JavaScript does not promise that.
    const koffi = ffi()
    filterProgram ??= koffi.struct({ count: "uint16_t", filter: "void *" })
    const size = koffi.sizeof(filterProgram)
    const block = koffi.address(koffi.alloc("uint8_t", size + program.length))
    try {
        const code = block + BigInt(size)
        new Uint8Array(koffi.view(code, program.length)).set(program)
        koffi.encode(block, filterProgram, { count: program.length / 8, filter: code })
        if (libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, block, size) < 0) {
            throw new SystemError("setsockopt SO_ATTACH_FILTER", lastErrno())
        }
    } finally {
        koffi.free(block)
    }
}

/** Sends to where the socket is bound or connected. Throws SystemError. */
export function sendBytes(fd: number, bytes: Uint8Array): void {
    if (libc().send(fd, bytes, bytes.length, 0) < 0) throw new SystemError("send", lastErrno())
}

/** Sends to an address. Throws SystemError. */
export function sendBytesTo(fd: number, bytes: Uint8Array, address: Uint8Array): void {
    if (libc().sendto(fd, bytes, bytes.length, 0, address, address.length) < 0) {
        throw new SystemError("sendto", lastErrno())
    }
}

/**
 * Receives one message into `bytes`; what does not fit is lost. Returns its length, 0 if nothing waits, or the error
 * number negated.
 */
export function receive(fd: number, bytes: Uint8Array): number {
    for (;;) {
        const length = libc().recv(fd, bytes, bytes.length, MSG_DONTWAIT)
        if (length >= 0) return length
        const errno = lastErrno()
        if (errno === EAGAIN) return 0
        if (errno !== EINTR) return -errno
    }
}

/** Room for several messages that one system call fills (recvmmsg, man 2 recvmmsg). */
export class MessageBatch {
    /** All slots, one after another. */
    readonly bytes: Uint8Array
    readonly slotSize: number
    readonly #headers: Memory
    readonly #lengths: Uint32Array
    readonly #stride: number
    readonly #lengthAt: number
    readonly #slots: number

    constructor(slots: number, slotSize: number) {
        // These structs hold pointers and sizes, so the FFI library lays them out for this platform.
        const koffi = ffi()
        const Vector = koffi.struct({ base: "void *", length: "size_t" })
        const Header = koffi.struct({
            name: "void *",
            nameLength: "uint32_t",
            vectors: "void *",
            vectorCount: "size_t",
            control: "void *",
            controlLength: "size_t",
            flags: "int",
        })
        const Message = koffi.struct({ header: Header, length: "uint32_t" })
        const data = allocate(slots * slotSize)
        const vectors = allocate(slots * koffi.sizeof(Vector))
        this.#headers = allocate(slots * koffi.sizeof(Message))
        for (let i = 0; i < slots; i++) {
            const vector = vectors.address + BigInt(i * koffi.sizeof(Vector))
            const header = { name: null, nameLength: 0, vectors: vector, vectorCount: 1, control: null }
            koffi.encode(vector, Vector, { base: data.address + BigInt(i * slotSize), length: slotSize })
            koffi.encode(this.#headers.address + BigInt(i * koffi.sizeof(Message)), Message, {
                header: { ...header, controlLength: 0, flags: 0 },
                length: 0,
            })
        }
        this.bytes = data.bytes
        this.slotSize = slotSize
        this.#slots = slots
        this.#stride = koffi.sizeof(Message) / 4
        this.#lengthAt = koffi.offsetof(Message, "length") / 4
        this.#lengths = new Uint32Array(this.#headers.bytes.buffer)
    }

    /** Fills the slots from the first on. Returns how many, 0 if nothing waits, or the error number negated. */
    receive(fd: number): number {
        const count = libc().recvmmsg(fd, this.#headers.bytes, this.#slots, MSG_DONTWAIT, null)
        if (count >= 0) return count
        const errno = lastErrno()
        return errno === EAGAIN || errno === EINTR ? 0 : -errno
    }

    /** The length of the message in this slot, after `receive`. */
    length(slot: number): number {
        return this.#lengths[slot * this.#stride + this.#lengthAt]!
    }
}
