/**
 * A disk of a few MiB that can be full, or turn read-only as the kernel does it after an error: ext4 in a file, mounted
 * where only the programs see it that are started by `inside`. The mount goes away with its holder, a process.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { closeSync, openSync, rmSync, truncateSync, writeSync } from "node:fs"
import { join } from "node:path"
import { collectLines } from "./lines.ts"

export type SmallDisk = {
    /** To be put before a program that is to see the disk. */
    readonly inside: readonly string[]
    /** What is below the mounted directory, for this process. */
    readonly path: (...names: readonly string[]) => string
    /** Takes all room but about so many bytes, or gives it back (null). */
    readonly fill: (leave: number | null) => void
    /** No more writes, whatever is open: EROFS from now on. */
    readonly turnReadOnly: () => void
    readonly remove: () => void
}

/** Mounts one of so many bytes on `directory`, which is there. Throws what mount(8) says. `scratch`: for its file. */
export async function mountSmallDisk(directory: string, scratch: string, size: number): Promise<SmallDisk> {
    const image = join(scratch, `disk-${process.pid}-${Date.now()}`)
    const script = `set -e
        truncate -s ${size} "$1"
        mkfs.ext4 -q -m 0 -O ^has_journal "$1"
        mount --make-rprivate /
        mount -o loop,errors=remount-ro "$1" "$2"
        chmod 700 "$2"
        rmdir "$2/lost+found"
        echo mounted
        exec cat`
    const holder: ChildProcess = spawn("unshare", ["-m", "sh", "-c", script, "sh", image, directory], {
        stdio: ["pipe", "pipe", "pipe"],
    })
    const [said, wrong] = [collectLines(holder, holder.stdout!), collectLines(holder, holder.stderr!)]
    try {
        await said.waitFor(/mounted/)
    } catch (error) {
        throw new Error(`no small disk: ${wrong.all.join(" ")}`, { cause: error })
    }
    const inside = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, "--"]
    const path = (...names: readonly string[]) => join(`/proc/${holder.pid}/root`, directory, ...names)
    return {
        inside,
        path,
        fill(leave) {
            rmSync(path("filler"), { force: true })
            if (leave === null) return
            const filler = openSync(path("filler"), "w")
            const block = Buffer.alloc(4096, 1)
            let [full, written] = [false, 0]
            while (!full) {
                try {
                    written += writeSync(filler, block)
                } catch {
                    full = true
                }
            }
            closeSync(filler)
            truncateSync(path("filler"), Math.max(0, written - leave))
        },
        turnReadOnly() {
            const args = ["-o", "remount,abort", directory]
            const { status, stderr } = spawnSync("nsenter", [...inside.slice(1), "mount", ...args], {
                encoding: "utf8",
            })
            if (status !== 0) throw new Error(`the disk does not turn read-only: ${stderr}`)
        },
        remove() {
            holder.kill("SIGKILL")
            rmSync(image, { force: true })
        },
    }
}
