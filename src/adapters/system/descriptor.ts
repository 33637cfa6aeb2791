/** Descriptors that may be shared with others: writing and asking, without waiting and without changing how they are open. */
import { EINTR, lastErrno, SystemError } from "./errno.ts"
import { libcFunction } from "./ffi.ts"
import { LITTLE } from "./socket.ts"

const MSG_DONTWAIT = 0x40
/** The end of a connection is an error like others, and no signal that ends us. */
const MSG_NOSIGNAL = 0x4000
const POLLIN = 1
const POLLOUT = 4
const POLLERR = 8
const POLLHUP = 16
const POLLNVAL = 32

type Calls = ReturnType<typeof loadCalls>
let calls: Calls | undefined

function loadCalls() {
    return {
        send: libcFunction("intptr_t send(int fd, const void *bytes, size_t length, int flags)"),
        poll: libcFunction("int poll(void *descriptors, unsigned long count, int timeout)"),
    }
}

function libc(): Calls {
    calls ??= loadCalls()
    return calls
}

/** Sends what a connected socket takes at once. How many bytes, or the error number negated (EAGAIN: no room). */
export function sendSome(fd: number, bytes: Uint8Array): number {
    for (;;) {
        const sent = libc().send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL)
        if (sent >= 0) return sent
        const errno = lastErrno()
        if (errno !== EINTR) return -errno
    }
}

/** Would a write to this descriptor be taken, or refused, at once? */
export function canWrite(fd: number): boolean {
    return (poll(fd, POLLOUT) & (POLLOUT | POLLERR | POLLHUP)) !== 0
}

/** Does something wait to be read from this descriptor? `closed`: it is none that is open. */
export function waiting(fd: number): "yes" | "no" | "closed" {
    const events = poll(fd, POLLIN)
    if ((events & POLLNVAL) !== 0) return "closed"
    return (events & POLLIN) === 0 ? "no" : "yes"
}

/** Has the other end of a connected local socket closed it altogether? One that has only shut its half still reads. */
export function hasHungUp(fd: number): boolean {
    return (poll(fd, 0) & (POLLHUP | POLLNVAL)) !== 0
}

/** man 2 poll, for one descriptor and without waiting: what is so of `events`, of errors, hang-up and a bad number. */
function poll(fd: number, events: number): number {
    // struct pollfd: int fd, short events, short revents.
    const asked = new DataView(new ArrayBuffer(8))
    asked.setInt32(0, fd, LITTLE)
    asked.setInt16(4, events, LITTLE)
    return libc().poll(new Uint8Array(asked.buffer), 1, 0) <= 0 ? 0 : asked.getInt16(6, LITTLE)
}

/** Puts an open file in the place of another (dup2(2)), which is closed. Throws a SystemError. */
export function putOver(from: number, to: number): void {
    if (libcFunction("int dup2(int from, int to)")(from, to) < 0) throw new SystemError("dup2", lastErrno())
}
