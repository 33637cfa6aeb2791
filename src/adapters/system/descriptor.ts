/** Writing to descriptors that others share, without waiting and without changing how they are open. */
import { EINTR, lastErrno } from "./errno.ts"
import { libcFunction } from "./ffi.ts"
import { LITTLE } from "./socket.ts"

const MSG_DONTWAIT = 0x40
/** The end of a connection is an error like others, and no signal that ends us. */
const MSG_NOSIGNAL = 0x4000
const POLLOUT = 4
const POLLERR = 8
const POLLHUP = 16

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

/** Would a write to this descriptor be taken, or refused, at once (man 2 poll)? */
export function canWrite(fd: number): boolean {
    // struct pollfd: int fd, short events, short revents.
    const asked = new DataView(new ArrayBuffer(8))
    asked.setInt32(0, fd, LITTLE)
    asked.setInt16(4, POLLOUT, LITTLE)
    if (libc().poll(new Uint8Array(asked.buffer), 1, 0) <= 0) return false
    return (asked.getInt16(6, LITTLE) & (POLLOUT | POLLERR | POLLHUP)) !== 0
}
