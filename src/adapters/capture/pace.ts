/**
 * When to read. Quiet: at once, on every wake-up, so that a knock waits for nothing. Busy: when many packets came within
 * a few milliseconds, they are read every 2 ms until hardly any come, and every 8 ms if the flood lasts: a wake-up costs
 * more than a hundred packets do, and a knock in the midst of a flood may wait so long.
 */
import { waiting } from "../system/descriptor.ts"
import { readable } from "../system/poll.ts"

/** More packets than this within so many milliseconds are a flood; it is over when a reading finds no more than that. */
const FLOOD = 8
const WINDOW_MS = 8
const CALM = 1
const SHORTEST_MS = 2
const LONGEST_MS = 8
/** After so many readings of a flood the pause doubles. */
const PATIENCE = 32

/** Who reads. */
export type Pace = {
    /** In the midst of a flood. */
    readonly busy: () => boolean
    /** False: something has waited since this was asked before, and nobody has read; or a descriptor is closed. */
    readonly alive: () => boolean
    readonly close: () => void
}

/** Reads by `drain`, which returns how many packets there were, whenever one of `fds` has something. `now`: monotonic. */
export function pace(fds: readonly number[], drain: (error: number) => number, now: () => number): Pace {
    let open = true
    /** Readings since the flood began; 0: it is quiet. */
    let busy = 0
    let pause = 0
    /** Packets since the window began. */
    let recent = 0
    let since = 0
    let timer: NodeJS.Timeout | undefined
    /** Something waited when `alive` was asked, and there was no reading since. */
    let unread = false
    const watches = fds.map((fd) => readable(fd, (error) => read(error)))

    function read(error: number): void {
        unread = false
        const found = drain(error)
        if (!open) return
        const many = busy > 0 ? found > CALM : flooded(found)
        if (many && busy === 0) for (const watch of watches) watch.pause()
        if (!many && busy > 0) for (const watch of watches) watch.resume()
        busy = many ? busy + 1 : 0
        if (many) again(Math.min(LONGEST_MS, SHORTEST_MS << Math.min(8, Math.floor(busy / PATIENCE))))
    }

    function flooded(found: number): boolean {
        const time = now()
        if (time - since >= WINDOW_MS) {
            since = time
            recent = 0
        }
        recent += found
        return recent > FLOOD
    }

    /** One timer as long as the pause is the same: one per reading would be garbage. */
    function again(ms: number): void {
        if (timer !== undefined && ms === pause) {
            timer.refresh()
            return
        }
        clearTimeout(timer)
        pause = ms
        timer = setTimeout(() => read(0), ms)
    }

    return {
        busy: () => busy > 0,
        alive() {
            const states = open ? fds.map(waiting) : ["closed"]
            const deaf = states.includes("closed") || (unread && states.includes("yes"))
            unread = states.includes("yes")
            return !deaf
        },
        close() {
            open = false
            clearTimeout(timer)
            for (const watch of watches) watch.close()
        },
    }
}
