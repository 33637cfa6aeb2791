/** What listens on this host spoils no knock at a strict door; no other door asks. */
import { allServices } from "../../adapters/services/all.ts"
import type { Services } from "../../ports/services.ts"

/** Looks only where there is a strict door, since a look takes time. `trouble`: why it sees less than there is. */
export function strictServices(isStrict: () => boolean, trouble: (what: string) => void): Services {
    let all: Services | null = null
    return {
        offered() {
            if (!isStrict()) return []
            all ??= allServices(trouble)
            return all.offered()
        },
        // It hides nothing.
        published: () => null,
    }
}
