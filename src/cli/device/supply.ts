/**
 * The knocks at one door of a gateway that publishes bundles: each time the next sequence, kept as tried before it is
 * sent (spec/enrolment.md, section 4).
 */
import type { Bundle, BundleDoor } from "../../core/one-time/bundle.ts"
import type { Turn } from "../../core/one-time/turn.ts"
import { errorCode } from "../knock/errors.ts"
import type { Supply } from "../knock/flow.ts"
import {
    cachedBundle,
    type Enrolment,
    FETCH_TIMEOUT,
    fetchBundle,
    keepingTrouble,
    type Obtained,
    type Trouble,
    upcoming,
} from "./obtain.ts"

/** A bundle that was fetched less than so long ago is new enough, in milliseconds. */
const FRESH = 300_000

/** What is told on the way, none of it the end. */
export type Notice =
    | { readonly code: "fetching" }
    /** What is published cannot be had, so the cache is gone by. */
    | { readonly code: "from-cache"; readonly trouble: Trouble; readonly age: number }
    | { readonly code: "cache"; readonly detail: string }
    /** All sequences were sent before: this one once more. */
    | { readonly code: "again"; readonly tries: number }
    /** That it opened cannot be kept. */
    | { readonly code: "unkept"; readonly detail: string }

/** One run's knocks. */
export type Knocks = Supply & {
    /** The bundle, from the server or the cache; or why there is none. */
    readonly bundle: () => Promise<Obtained>
    /** Why `next` had none to give, if not for want of sequences. */
    readonly trouble: () => Trouble | null
    /** What was sent last has opened the door. */
    readonly opened: () => void
}

/** The knocks at this door. `door` is asked when the bundle is there: null if it has no such door. */
export function knocksAt(
    enrolment: Enrolment,
    door: (bundle: Bundle) => BundleDoor | null,
    offline: boolean,
    interrupted: AbortSignal,
    tell: (notice: Notice) => void,
): Knocks {
    const { keeping, cache, now } = enrolment
    let current: Obtained | null = null
    /** The server was asked in this run, or must not be. */
    let asked = offline
    let given = 0
    let last: Turn | null = null
    let trouble: Trouble | null = null

    const isFresh = (fetched: number) => now() - fetched >= 0 && now() - fetched < FRESH

    /** What the server has; what is known already if it cannot be had. */
    async function ask(): Promise<void> {
        asked = true
        tell({ code: "fetching" })
        const fetched = await fetchBundle(enrolment, FETCH_TIMEOUT, interrupted)
        if (fetched.ok) {
            for (const { detail } of fetched.remarks) tell({ code: "cache", detail })
            current = fetched
            return
        }
        const known = current?.ok ? current : await fromCache()
        if (known.ok && !interrupted.aborted)
            tell({ code: "from-cache", trouble: fetched.trouble, age: now() - known.fetched })
        current = known.ok ? known : fetched
    }

    /** Nothing of it is decrypted where the key is the trouble, which is the same for both. */
    async function fromCache(): Promise<Obtained> {
        return "trouble" in (await enrolment.reading())
            ? { ok: false, trouble: { code: "no-cache" } }
            : cachedBundle(enrolment)
    }

    async function bundle(): Promise<Obtained> {
        if (current !== null) return current
        const reading = await enrolment.reading()
        if ("trouble" in reading) {
            current = { ok: false, trouble: { code: "reading", trouble: reading } }
            return current
        }
        const times = reading.kinds.map((kind) => cache.get(enrolment.bundle.link.place, kind)?.fetched ?? 0)
        if (offline || isFresh(Math.max(...times))) {
            const cached = await cachedBundle(enrolment)
            if (cached.ok || offline) {
                current = cached
                return cached
            }
        }
        await ask()
        return current!
    }

    /** Those that may open, the best first. Null: there is no bundle, or the door is no longer in it. */
    async function turns(): Promise<readonly Turn[] | null> {
        const obtained = await bundle()
        if (!obtained.ok) {
            trouble = obtained.trouble
            return null
        }
        const wanted = door(obtained.bundle)
        return wanted === null ? null : upcoming(keeping, wanted)
    }

    async function next(sendable: Parameters<Supply["next"]>[0]): Promise<Turn | null> {
        // What was sent has not opened: another device may have used it, and there is a newer bundle then.
        if (given++ > 0 && !asked) await ask()
        for (;;) {
            const left = await turns()
            const turn = left?.[0]
            if (left === null) return null
            if ((turn === undefined || turn.tries > 0) && !asked) {
                await ask()
                continue
            }
            if (turn === undefined || !(await sendable(turn.hits))) return turn ?? null
            if (interrupted.aborted) return null
            // Where another process was faster, its claim shows, and the next round takes the following one.
            if (!keeping.claim(turn.id, turn.tries + 1)) continue
            if (turn.tries > 0) tell({ code: "again", tries: turn.tries })
            last = turn
            return turn
        }
    }

    return {
        bundle,
        trouble: () => trouble,
        async next(sendable) {
            try {
                return (await next(sendable))?.hits ?? null
            } catch (error) {
                trouble = keepingTrouble(enrolment, error)
                return null
            }
        },
        opened() {
            if (last === null) return
            try {
                keeping.opened(last.id)
            } catch (error) {
                tell({ code: "unkept", detail: errorCode(error) })
            }
        },
    }
}
