/** What a daemon does once its start is behind it. */
import { trimMemory } from "../adapters/system/trim.ts"

/** So long (ms) after the start nothing of it is under way any more. */
const SETTLED_MS = 1000

/** Gives memory back that only the start needed (decision 13). */
export function trimWhenSettled(): void {
    setTimeout(trimMemory, SETTLED_MS).unref()
}
