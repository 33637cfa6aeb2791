/** A bundle that was opened: whom it is for, and which knock is next. */

import { verifySignature } from "../adapters/sealing/portable/verify.ts"
import { type Accepted, accept, type Trust } from "../core/one-time/accept.ts"
import type { Bundle, BundleDoor } from "../core/one-time/bundle.ts"
import { sequenceId, type Turn, turnsOf } from "../core/one-time/turn.ts"
import type { Kept, Memory } from "./memory.ts"
import { digests } from "./source.ts"

/** Whom the person believes: the key of a link for this gateway and knocker. */
export type Believed = { readonly gateway: string; readonly knocker: string; readonly key: string }

export class Session {
    readonly bundle: Bundle
    readonly #memory: Memory
    #kept: Kept

    private constructor(bundle: Bundle, kept: Kept, memory: Memory) {
        this.bundle = bundle
        this.#kept = kept
        this.#memory = memory
        this.#keep(kept)
    }

    /** A session by this bundle, or why it is refused. `now`: milliseconds since 1970; null: whatever this clock says. */
    static open(text: Uint8Array, believed: Believed, now: number | null, memory: Memory): SessionOpened {
        const { gateway, knocker, key } = believed
        const before = memory.kept(gateway, knocker)
        // A link with another key is another beginning: what was seen by the first one says nothing. That of the gateway's next
        // key, which is pinned already, is none.
        const goesOn = before !== null && (before.begun === key || before.key === key)
        const kept = goesOn ? before : { begun: key, key, seen: null, tried: before?.tried ?? {} }
        const trust: Trust = { gateway, knocker, key: kept.key, seen: kept.seen }
        const accepted = accept(text, trust, now, { verify: verifySignature, sha256: digests.sha256 })
        if (!accepted.ok) return accepted
        const { key: pinned, seen } = accepted.trust
        const session = new Session(accepted.bundle, { ...kept, key: pinned, seen }, memory)
        return { ok: true, session, first: kept.seen === null }
    }

    /** The knock that is next at a door; null: the bundle has none for it. */
    next(door: BundleDoor): Turn | null {
        const { gateway, knocker } = this.bundle
        // As it is now: another page may have sent some meanwhile.
        this.#kept = this.#memory.kept(gateway, knocker) ?? this.#kept
        const turns = door.sequences.map((sequence) => {
            const id = sequenceId(digests.sha256, door.name, sequence)
            return { ...sequence, id, tries: this.#kept.tried[id] ?? 0 }
        })
        return turnsOf(turns, () => false)[0] ?? null
    }

    /** Takes the knock that is next: it is remembered as sent before it is, and no other page of this browser takes it. */
    take(door: BundleDoor): Promise<Turn | null> {
        return alone(() => {
            const turn = this.next(door)
            if (turn !== null) this.#keep({ ...this.#kept, tried: { ...this.#kept.tried, [turn.id]: turn.tries + 1 } })
            return turn
        })
    }

    #keep(kept: Kept): void {
        this.#kept = kept
        this.#memory.keep(this.bundle.gateway, this.bundle.knocker, kept)
    }
}

/** `first`: no bundle was seen before, so nobody can tell whether this one is the newest. */
export type SessionOpened =
    | { readonly ok: true; readonly session: Session; readonly first: boolean }
    | Extract<Accepted, { ok: false }>

/** Does it while no other page does the like, as far as this browser has a way to ask for that. */
async function alone<T>(act: () => T): Promise<T> {
    let done: { readonly value: T } | null = null
    try {
        await navigator.locks.request("postern 1", () => {
            done = { value: act() }
        })
    } catch {
        // Not over http, and not where pages are nobody's.
    }
    return (done ?? { value: act() }).value
}
