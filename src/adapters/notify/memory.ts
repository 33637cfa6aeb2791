/** Keeps what was said, for tests. */
import type { News, Notifier } from "../../ports/notifier.ts"

/** A notifier that asks for a sign of life so often (ms; null: never), and all that it was told. */
export function memoryNotifier(watchdog: number | null): Notifier & { readonly told: News[] } {
    const told: News[] = []
    return { watchdog, told, tell: (news) => void told.push(news), close: () => {} }
}
