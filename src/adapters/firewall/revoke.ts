/**
 * Elements taken back, whatever the sets are like: full, or gone, or changed by others meanwhile. The kernel is asked
 * first which of them it has: putting in what has gone, only to take it out, is refused by a full set, a set that is
 * gone refuses everything, and each refusal costs 10 ms, for thousands of elements minutes.
 */
import { ENFILE, ENOENT } from "../system/errno.ts"
import type { ElementSocket } from "../system/nftables-elements.ts"
import { type Revocation, take } from "./changes.ts"

/** Ours: elements that go between question and change can refuse it so many times; then each is taken by itself. */
const TRIES = 3

/** Returns 0, or an error number: then what must be gone is gone as far as the kernel lets it. */
export function revokeElements(sets: Pick<ElementSocket, "change" | "there">, { gone, kept }: Revocation): number {
    for (let tries = 1; ; tries++) {
        const there = sets.there(gone)
        if (typeof there === "number") return there
        const errno = sets.change([...there.flatMap(take), ...kept])
        if (errno !== ENOENT && errno !== ENFILE) return errno
        if (tries < TRIES) continue
        // There may be no room, or no set, for a source that stays: nobody else must stay because of that.
        const worst = there.reduce((failed, key) => {
            const alone = sets.change([{ ...key, ms: 0 }])
            return alone === ENOENT ? failed : alone || failed
        }, 0)
        return sets.change(kept) || worst
    }
}
