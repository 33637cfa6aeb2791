/**
 * Reads a knockd.conf with the files of one-time sequences that it names. knockd knows bytes, no characters, so each
 * byte is one here (ISO 8859-1), in paths too.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import { type FoundFile, type KnockdReading, readKnockdConf } from "../../core/knockd/conf.ts"

/** A file of bytes, with its permission bits where it could be opened. */
export type ByteFile = FoundFile & { readonly mode?: number; readonly code?: string }

/** A configuration as it is on the disk. */
export type KnockdFiles = {
    readonly conf: ByteFile
    /** By the paths that the configuration has for them. */
    readonly oneTime: ReadonlyMap<string, ByteFile>
    /** Null: the configuration itself could not be read. */
    readonly reading: Exclude<KnockdReading, { readonly wants: string }> | null
}

/** Ours: larger than any sensible file (bytes). One-time sequences for ten years of knocks fit in. */
const MOST = 16 * 1_048_576

/** strerror(3) for what can happen to whoever opens a file: knockd says it so, and scripts may look for it. */
const ERRORS: Readonly<Record<string, string>> = {
    EPERM: "Operation not permitted",
    ENOENT: "No such file or directory",
    EIO: "Input/output error",
    ENXIO: "No such device or address",
    EACCES: "Permission denied",
    ENOTDIR: "Not a directory",
    EISDIR: "Is a directory",
    EINVAL: "Invalid argument",
    ENFILE: "Too many open files in system",
    EMFILE: "Too many open files",
    ETXTBSY: "Text file busy",
    EFBIG: "File too large",
    EROFS: "Read-only file system",
    ENAMETOOLONG: "File name too long",
    ELOOP: "Too many levels of symbolic links",
}

/** Reads all of it; nothing throws. `named`: the interface that the command line names. */
export function readKnockdFiles(path: string, named: string | null = null): KnockdFiles {
    const conf = readBytes(path, constants.O_RDONLY)
    const oneTime = new Map<string, ByteFile>()
    if (!conf.ok) return { conf, oneTime, reading: null }
    for (;;) {
        const reading = readKnockdConf(conf.text, oneTime, named)
        if (!("wants" in reading)) return { conf, oneTime, reading }
        // knockd opens these to write: it marks used lines. What it may not write it does not take.
        oneTime.set(reading.wants, readOneTime(reading.wants))
    }
}

/** A file of one-time sequences, read again. */
export function readOneTime(path: string): ByteFile {
    return readBytes(Buffer.from(path, "latin1"), constants.O_RDWR)
}

function readBytes(path: string | Buffer, access: number): ByteFile {
    let fd: number | undefined
    try {
        // Not blocking: a FIFO in the place of a file holds nobody up.
        fd = openSync(path, access | constants.O_NONBLOCK)
        const stat = fstatSync(fd)
        if (!stat.isFile()) return refused(stat.isDirectory() ? "EISDIR" : "EINVAL")
        if (stat.size > MOST) return refused("EFBIG")
        return { ok: true, text: readFileSync(fd, "latin1"), mode: stat.mode & 0o777 }
    } catch (error) {
        return refused(error instanceof Error && "code" in error ? String(error.code) : String(error))
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}

function refused(code: string): ByteFile {
    return { ok: false, detail: ERRORS[code] ?? code, code }
}
