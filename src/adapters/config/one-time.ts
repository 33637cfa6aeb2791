/** Files of one-time sequences (knockd(1)): looked at, and marked, one byte at a time, so that no line can be lost. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import type { Hit } from "../../core/knock/hit.ts"
import { readOneTimeFile, USED } from "../../core/knockd/one-time.ts"
import { sequenceText } from "../../core/knockd/sequence.ts"
import { lockFile } from "../system/flock.ts"
import { MOST } from "./knockd.ts"

/** What came of marking. */
export type Marking =
    | { readonly ok: true }
    /** No unused line has this sequence (any more). */
    | { readonly ok: false; readonly why: "gone" }
    /** The file cannot be read or written; in the words of the system. */
    | { readonly ok: false; readonly why: "failed"; readonly detail: string }

/**
 * Marks the first unused line of this sequence as used. `ok` is on the disk. The file is read anew each time: an editor
 * may have put another in its place, and whoever marks a line that has moved marks somebody else's.
 */
export function markUsed(path: string | Buffer, hits: readonly Hit[]): Marking {
    let fd: number | undefined
    try {
        fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
        const stat = fstatSync(fd)
        if (!stat.isFile()) return { ok: false, why: "failed", detail: "it is not a file" }
        if (stat.size > MOST) return { ok: false, why: "failed", detail: "it is too large" }
        // Another daemon with the same file looks and marks in its turn.
        if (!lockFile(fd)) return { ok: false, why: "failed", detail: "another program has locked it" }
        const { unused } = readOneTimeFile(readFileSync(fd, "latin1"))
        const line = unused.find((one) => sequenceText(one.hits) === sequenceText(hits))
        if (line === undefined) return { ok: false, why: "gone" }
        writeSync(fd, USED, line.at, "latin1")
        fsyncSync(fd)
        return { ok: true }
    } catch (error) {
        return { ok: false, why: "failed", detail: error instanceof Error ? error.message : String(error) }
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}
