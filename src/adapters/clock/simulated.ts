import type { Clock } from "../../ports/clock.ts"

/** A clock that stands still until it is told to move. */
export type SimulatedClock = Clock & {
    /** Goes to this monotonic time and calls back what is due on the way, each at its own time. Never goes back. */
    moveTo(time: number): void
    /** Goes on by so many milliseconds. */
    advance(ms: number): void
    /** The wall clock jumps, the monotonic one does not notice. */
    jump(ms: number): void
    /** When the next call is due, or null. */
    next(): number | null
}

/** Makes one. `wall` is the date at monotonic time 0, in milliseconds since 1970. */
export function simulatedClock(now = 0, wall = Date.UTC(2024, 0, 1)): SimulatedClock {
    let waiting: { readonly at: number; readonly due: () => void } | null = null
    let offset = wall

    function moveTo(time: number): void {
        while (waiting !== null && waiting.at <= time) {
            const { at, due }: { at: number; due: () => void } = waiting
            waiting = null
            now = Math.max(now, at)
            due()
        }
        now = Math.max(now, time)
    }

    return {
        monotonic: () => now,
        wall: () => now + offset,
        wake(at, due) {
            waiting = at === null ? null : { at, due }
        },
        moveTo,
        advance: (ms) => moveTo(now + ms),
        jump(ms) {
            offset += ms
        },
        next: () => waiting?.at ?? null,
    }
}
