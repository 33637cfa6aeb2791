/** flock(2): a lock that the kernel takes back when the process that holds it ends, however it ends. */
import { EAGAIN, lastErrno, SystemError } from "./errno.ts"
import { libcFunction } from "./ffi.ts"

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Locks the open file or directory for this descriptor alone, without waiting; false: somebody else has the lock. It
 * ends when the descriptor is closed. Throws a SystemError if the filesystem has no locks.
 */
export function lockFile(fd: number): boolean {
    if (libcFunction("int flock(int fd, int operation)")(fd, LOCK_EX | LOCK_NB) === 0) return true
    const errno = lastErrno()
    if (errno === EAGAIN) return false
    throw new SystemError("flock", errno)
}
