/**
 * Reads a knockd.conf with the files of one-time sequences that it names. knockd knows bytes, no characters, so each
 * byte is one here (ISO 8859-1), in paths too.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import type { KnockdSource } from "../../core/knockd/check.ts"
import {
    type FoundFile,
    type KnockdReading,
    readKnockdConf,
    type Spent,
    surveyKnockdConf,
} from "../../core/knockd/conf.ts"

/** A file of bytes, with its permission bits where it could be opened. */
export type ByteFile = FoundFile & { readonly mode?: number; readonly code?: string }

/** A configuration as it is on the disk. */
export type KnockdFiles = {
    readonly conf: ByteFile
    /** By the paths that the configuration has for them. */
    readonly oneTime: ReadonlyMap<string, ByteFile>
    /** Null: the configuration itself could not be read. */
    readonly reading: Exclude<KnockdReading, Wants> | null
}

/** What has to be read before a configuration can be. */
type Wants = { readonly wants: readonly string[] }

/** Ours: larger than any sensible file (bytes). One-time sequences for ten years of knocks fit in. */
export const MOST = 16 * 1_048_576

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
    ENOSPC: "No space left on device",
    EROFS: "Read-only file system",
    ENAMETOOLONG: "File name too long",
    ELOOP: "Too many levels of symbolic links",
}

/**
 * Reads all of it, up to the first mistake; nothing throws. `named`: the interface that the command line names; `place`:
 * where a path of one character per byte leads; `spent`: see `readKnockdConf`.
 */
export function readKnockdFiles(
    path: string,
    named: string | null = null,
    place = asBytes,
    spent: Spent = "refused",
): KnockdFiles {
    const conf = readBytes(place(path), constants.O_RDONLY)
    const oneTime = new Map<string, ByteFile>()
    const reading = conf.ok ? withFiles(oneTime, place, () => readKnockdConf(conf.text, oneTime, named, spent)) : null
    return { conf, oneTime, reading }
}

/** Reads all of it, whatever its mistakes; nothing throws. `refused`: a file may not be read by us. */
export function surveyKnockdFiles(path: string): KnockdSource & { readonly refused: boolean } {
    const conf = readBytes(path, constants.O_RDONLY)
    const oneTime = new Map<string, ByteFile>()
    const survey = conf.ok ? withFiles(oneTime, asBytes, () => surveyKnockdConf(conf.text, oneTime)) : null
    const refused = [conf, ...oneTime.values()].some(({ code }) => code === "EACCES" || code === "EPERM")
    return { file: path, conf, survey, oneTime, refused }
}

/** Reads what is wanted until nothing more is. */
function withFiles<Result extends object>(
    files: Map<string, ByteFile>,
    place: (path: string) => Buffer,
    read: () => Result | Wants,
): Exclude<Result, Wants> {
    for (;;) {
        const result = read()
        // The only cast: TypeScript does not narrow a type that is a parameter.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        if (!("wants" in result)) return result as Exclude<Result, Wants>
        for (const path of result.wants) files.set(path, readOneTime(place(path)))
    }
}

/** A file of one-time sequences. knockd opens it to write, since it marks used lines: what it may not write it does not take. */
export function readOneTime(path: Buffer): ByteFile {
    return readBytes(path, constants.O_RDWR)
}

function asBytes(path: string): Buffer {
    return Buffer.from(path, "latin1")
}

/** What strerror(3) says of what the system has refused, as knockd says it. */
export function systemText(error: unknown): string {
    const code = codeOf(error)
    return ERRORS[code] ?? code
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
        return refused(codeOf(error))
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}

function codeOf(error: unknown): string {
    return error instanceof Error && "code" in error ? String(error.code) : String(error)
}

function refused(code: string): ByteFile {
    return { ok: false, detail: ERRORS[code] ?? code, code }
}
