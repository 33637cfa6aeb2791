/**
 * Sockets of other processes (pidfd_open(2), pidfd_getfd(2), Linux 5.6): borrowed for one change, which their owner
 * has from then on. It takes the right to trace that process (ptrace(2)): root, or the same user.
 */
import { lastErrno, SystemError } from "./errno.ts"
import { libcFunction } from "./ffi.ts"
import { closeSocket, setNumber } from "./socket.ts"

/** The numbers of system calls since 424 are the same on every platform. */
const [PIDFD_OPEN, PIDFD_GETFD] = [434, 438]
/** linux/in.h, linux/in6.h */
const [SOL_IP, IP_TRANSPARENT] = [0, 19]
const [SOL_IPV6, IPV6_TRANSPARENT] = [41, 75]

/**
 * Makes socket `fd` of process `pid` take connections to any address (ip(7), IP_TRANSPARENT), or its own again.
 * Throws SystemError: ESRCH or EBADF if it has gone meanwhile, EPERM without the right to (CAP_SYS_PTRACE and
 * CAP_NET_ADMIN), ENOSYS on kernels before 5.6.
 */
export function setTransparent(pid: number, fd: number, family: "4" | "6", on: boolean): void {
    const syscall = libcFunction("long syscall(long number, long a, long b, long c)")
    const process = syscall(PIDFD_OPEN, pid, 0, 0)
    if (process < 0) throw new SystemError("pidfd_open", lastErrno())
    try {
        const borrowed = syscall(PIDFD_GETFD, process, fd, 0)
        if (borrowed < 0) throw new SystemError("pidfd_getfd", lastErrno())
        try {
            if (family === "4") setNumber(borrowed, SOL_IP, IP_TRANSPARENT, on ? 1 : 0, "IP_TRANSPARENT")
            else setNumber(borrowed, SOL_IPV6, IPV6_TRANSPARENT, on ? 1 : 0, "IPV6_TRANSPARENT")
        } finally {
            closeSocket(borrowed)
        }
    } finally {
        closeSocket(process)
    }
}

/** Can sockets be borrowed at all (Linux 5.6, and no filter of system calls against it)? Tried on a descriptor of our own. */
export function canBorrow(): boolean {
    const syscall = libcFunction("long syscall(long number, long a, long b, long c)")
    const self = syscall(PIDFD_OPEN, process.pid, 0, 0)
    if (self < 0) return false
    try {
        const borrowed = syscall(PIDFD_GETFD, self, self, 0)
        if (borrowed >= 0) closeSocket(borrowed)
        return borrowed >= 0
    } finally {
        closeSocket(self)
    }
}
