/** Tells whoever has started the daemon how it is. Adapters: systemd, memory. Never throws, and never waits. */
export interface Notifier {
    /** Whoever listens wants a sign of life at least so often, in milliseconds; null: never. */
    readonly watchdog: number | null
    /** Says it, if anybody listens. */
    tell(news: News): void
    /** Lets go; what is said afterwards is not heard. Can be called twice. */
    close(): void
}

/** What can be said; several at once. */
export type News = {
    /** Begins to read its configuration anew; over with the next `ready`. */
    readonly phase?: "ready" | "reloading" | "stopping"
    /** One line for people. */
    readonly status?: string
    /** A sign of life. */
    readonly alive?: true
}
