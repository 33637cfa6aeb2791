/**
 * Keeps the files that hide when the host starts (adapters/firewall/boot.ts) as the kernel's table is now. Nobody waits for
 * them: a disk that is slow or broken must not keep a door waiting. What cannot be written is told and tried again.
 */
import { mkdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { BOOT_FILES, type BootFiles, renderBoot } from "../adapters/firewall/boot.ts"
import { writeWhole } from "../adapters/system/durable.ts"
import type { Ruleset } from "../core/ruleset.ts"
import { messageOf } from "../core/thrown.ts"
import type { Firewall } from "../ports/firewall.ts"
import { tryAgain } from "./again.ts"
import type { Log } from "./log.ts"

/** Whoever keeps them. */
export type BootKeeper = {
    /** The kernel has this ruleset now. */
    readonly made: (wanted: Ruleset) => void
    /** Finishes what is being written, and tries nothing again. */
    readonly stop: () => Promise<void>
}

/**
 * In this directory; nothing is kept where there is no firewall. `retry`: milliseconds between tries, other than the
 * usual ones, for tests.
 */
export function bootKeeper(
    directory: string,
    firewall: Pick<Firewall, "name" | "leads"> | null,
    log: Log,
    retry?: number,
): BootKeeper {
    let latest: BootFiles | null = null
    /** The next to be written has not begun. */
    let waits = false
    let trouble = ""
    let writing: Promise<unknown> = Promise.resolve()
    let again: ReturnType<typeof tryAgain> | null = null
    const attempt = async (): Promise<boolean> => {
        const wanted = latest
        waits = false
        try {
            for (const name of BOOT_FILES) await put(directory, name, wanted?.[name] ?? null)
        } catch (error) {
            const reason = messageOf(error)
            if (reason !== trouble)
                log("warning", `hide: what hides when the host starts cannot be written to ${directory}: ${reason}`)
            trouble = reason
            return false
        }
        trouble = ""
        return true
    }
    // One at a time: what is slow must not overwrite what came later.
    const inTurn = (): Promise<boolean> => {
        const turn = writing.then(attempt)
        writing = turn
        return turn
    }
    const write = async () => {
        if (await inTurn()) return
        again ??= tryAgain(async () => {
            const done = await inTurn()
            if (done) again = null
            return done
        }, retry)
    }
    return {
        made(wanted) {
            if (firewall === null) return
            latest = renderBoot(wanted, firewall)
            if (waits) return
            waits = true
            void write()
        },
        async stop() {
            await writing
            await again?.stop()
        },
    }
}

async function put(directory: string, name: string, text: string | null): Promise<void> {
    if (text === null) await rm(join(directory, name), { force: true })
    else {
        // Asked each time: somebody may have damaged or removed it.
        if ((await readFile(join(directory, name), "utf8").catch(() => null)) === text) return
        await mkdir(directory, { mode: 0o700, recursive: true })
        await writeWhole(directory, name, Buffer.from(text), { mode: 0o600 })
    }
}
