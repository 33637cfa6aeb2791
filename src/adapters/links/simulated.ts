import type { LinkState, Links } from "../../ports/links.ts"

/** Links that change when told so. */
export type SimulatedLinks = Links & { change(state: LinkState): void }

/** Makes them. Listeners are called while `change` runs. */
export function simulatedLinks(state: LinkState): SimulatedLinks {
    const listeners = new Set<() => void>()
    return {
        current: () => state,
        start: (changed) => void listeners.add(changed),
        stop: () => listeners.clear(),
        change(next) {
            state = next
            for (const listener of listeners) listener()
        },
    }
}
