/** Time and timers. Adapters: system, simulated. */
export interface Clock {
    /** Whole milliseconds, never going back, from an arbitrary start. */
    monotonic(): number
    /** Milliseconds since 1970-01-01T00:00:00Z; may jump. For people, and for what the next daemon must know. */
    wall(): number
    /** Calls back once, not before `at` (monotonic); a new call replaces the former; null takes it back. */
    wake(at: number | null, due: () => void): void
}
