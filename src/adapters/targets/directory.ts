/** A directory that a web server reads. Files of others in it stay as they are. */
import { constants } from "node:fs"
import { open, readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { PLACE } from "../../core/one-time/place.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Target } from "../../ports/target.ts"
import { copyHalf, dropHalves, type Effect, placeHalf, withoutNames } from "../system/durable.ts"

/** A published file begins with one of these: what has our name and another beginning is somebody else's. */
const BEGINNINGS = ["-----BEGIN AGE ENCRYPTED FILE-----", "-----BEGIN PGP MESSAGE-----"]
/** Ours: so many files are written before they get their names, which takes twice their room for a moment. */
const TOGETHER = 256

/**
 * Publishes into this directory, which must be there. Every file says the same time and gets its name in order, so that
 * nothing shows whose has changed. The disk is not waited for: after a loss of power all of them are published again, as at
 * each start, and to wait for each file would take most of the time.
 */
export function directoryTarget(directory: string, effect?: Effect): Target {
    return {
        name: `directory ${directory}`,
        async publish({ directory: from, names, made }, signal) {
            try {
                if (!(await stat(directory)).isDirectory())
                    return { ok: false, detail: `${directory} is not a directory` }
                await dropHalves(directory)
                // One name that cannot be had keeps nobody else's file from being replaced.
                let stuck: unknown = null
                const options = { changed: made, ...(effect && { effect }) }
                for (let at = 0; at < names.length && !signal.aborted; at += TOGETHER) {
                    const group = names.slice(at, at + TOGETHER)
                    const halves = await allOrNone(
                        group.map(async (name) => ({
                            name,
                            half: await copyHalf(directory, join(from, name), options),
                        })),
                    )
                    for (const { name, half } of halves)
                        await placeHalf(half, join(directory, name), effect).catch(
                            (error: unknown) => (stuck ??= error),
                        )
                }
                if (signal.aborted) return { ok: false, detail: "it took too long" }
                const wanted = new Set(names)
                for (const name of await readdir(directory)) {
                    if (wanted.has(name) || !PLACE.test(name) || !(await isOurs(join(directory, name)))) continue
                    effect?.("remove", join(directory, name))
                    await rm(join(directory, name), { force: true }).catch((error: unknown) => (stuck ??= error))
                }
                return stuck === null ? { ok: true } : { ok: false, detail: troubleText(stuck) }
            } catch (error) {
                return { ok: false, detail: troubleText(error) }
            }
        },
    }
}

type Half = { readonly name: string; readonly half: string }

/** Where one cannot be written the others are done away with. */
async function allOrNone(writing: readonly Promise<Half>[]): Promise<readonly Half[]> {
    const settled = await Promise.allSettled(writing)
    const failed = settled.find((one) => one.status === "rejected")
    const halves = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
    if (failed === undefined) return halves
    for (const { half } of halves) await rm(half, { force: true })
    throw failed.reason
}

/** Has it the name and the beginning of a file of ours? Whatever else it is, it stays. */
async function isOurs(path: string): Promise<boolean> {
    try {
        const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
        try {
            const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0)
            const begin = buffer.toString("latin1", 0, bytesRead)
            return BEGINNINGS.some((one) => begin.startsWith(one))
        } finally {
            await handle.close()
        }
    } catch {
        return false
    }
}

const TROUBLES: Readonly<Record<string, string>> = {
    ENOENT: "it is not there: make it, for the user whom the daemon runs as",
    EACCES: "the daemon may not write there: give it to the user whom the daemon runs as",
    EPERM: "the daemon may not write there: give it to the user whom the daemon runs as",
    EROFS: "it is read-only: mount it writable, or add it to ReadWritePaths of the service",
    ENOSPC: "the disk is full: make room",
    EDQUOT: "the disk is full: make room",
    ENOTDIR: "it is not a directory",
    EISDIR: "a directory in it is called as one of the files: take it away",
}

/** What the system says of files, for people. */
function troubleText(error: unknown): string {
    const code = error instanceof Error && "code" in error ? String(error.code) : ""
    return TROUBLES[code] ?? withoutNames(messageOf(error))
}
