/** When to read: on every wake-up while it is quiet, by a timer while it is not. How long that waits: tempo.ts. */
import { waiting } from "../system/descriptor.ts"
import { readable } from "../system/poll.ts"
import { Tempo } from "./tempo.ts"

/** Who reads. */
export type Pace = {
    /** In the midst of a flood. */
    readonly busy: () => boolean
    /** False: something has waited since this was asked before, and nobody has read; or a descriptor is closed. */
    readonly alive: () => boolean
    readonly close: () => void
}

/** What a reader brings along. */
export type Reader = {
    /** Reads all there is, and returns how many packets that were. `error`: what was taken off a descriptor, or 0. */
    readonly drain: (error: number) => number
    /** So many begin to come that they are better put together before they are read; or that is over. */
    readonly rush?: (on: boolean) => void
    /** The monotonic time, in ms. */
    readonly now: () => number
}

/** Reads whenever one of `fds` has something. */
export function pace(fds: readonly number[], { drain, rush, now }: Reader): Pace {
    const tempo = new Tempo()
    let open = true
    let pause = 0
    let timer: NodeJS.Timeout | undefined
    /** Something waited when `alive` was asked, and there was no reading since. */
    let unread = false
    const watches = fds.map((fd) => readable(fd, (error) => read(error)))

    function read(error: number): void {
        unread = false
        const before = tempo.busy
        const rushed = tempo.rushed
        const found = drain(error)
        if (!open) return
        const ms = tempo.after(found, now())
        if (tempo.rushed !== rushed) rush?.(tempo.rushed)
        if (ms > 0 && !before) for (const watch of watches) watch.pause()
        if (ms === 0 && before) for (const watch of watches) watch.resume()
        if (ms > 0) again(ms)
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
        busy: () => tempo.busy,
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
