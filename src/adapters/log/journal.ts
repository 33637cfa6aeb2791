/** Is the log connected to journald? */
import { fstatSync } from "node:fs"

/**
 * Does this descriptor lead into the journal? `stream` is JOURNAL_STREAM: device and inode of the socket that systemd
 * has connected (systemd.exec(5)). A program whose output was sent elsewhere still has the variable, so it is compared.
 */
export function isJournal(stream: string | undefined, fd: number): boolean {
    if (stream === undefined) return false
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return stream === `${dev}:${ino}`
}
