/** The real disk, in a process that it ends. */
import { type Disk, openDisk } from "../../src/adapters/system/disk.ts"

/** Ends the process by SIGKILL before or after its n-th change of the disk; never, if `at` is 0. */
export function deadlyDisk(at: number): typeof openDisk {
    return (path) => {
        const disk = openDisk(path)
        if (disk === null || at === 0) return disk
        let changes = 0
        const around =
            <A extends unknown[]>(act: (...args: A) => Promise<void>) =>
            async (...args: A): Promise<void> => {
                if (++changes === at) process.kill(process.pid, "SIGKILL")
                await act(...args)
                if (++changes === at) process.kill(process.pid, "SIGKILL")
            }
        return {
            ...disk,
            create: around((name: string, bytes: Uint8Array) => disk.create(name, bytes)),
            write: around((name: string, bytes: Uint8Array, at: number) => disk.write(name, bytes, at)),
            sync: around((name: string) => disk.sync(name)),
            rename: around((from: string, to: string) => disk.rename(from, to)),
            syncNames: around(() => disk.syncNames()),
        } satisfies Disk
    }
}
