import type { Clock } from "../../ports/clock.ts"

/** The longest delay a Node timer takes (2^31 - 1 ms); longer ones are slept in pieces. */
const LONGEST = 0x7fff_ffff

function monotonic(): number {
    return Math.floor(performance.now())
}

/** The machine's clocks. The monotonic one starts with the process and stands still while the machine sleeps. */
export function systemClock(): Clock {
    let timer: NodeJS.Timeout | undefined

    function arm(at: number, due: () => void): void {
        timer = setTimeout(
            () => {
                // Node's timers may fire up to a millisecond early, and the longest sleeps come in pieces.
                if (monotonic() < at) arm(at, due)
                else due()
            },
            Math.min(Math.max(0, at - monotonic()), LONGEST),
        )
    }

    return {
        monotonic,
        wall: () => Date.now(),
        wake(at, due) {
            clearTimeout(timer)
            timer = undefined
            if (at !== null) arm(at, due)
        },
    }
}
