/**
 * What both stores share: operations are decided in order against the ledger, as many at once as have come meanwhile,
 * and answered when what they change has been kept.
 */
import type { Ledger } from "../../core/store/ledger.ts"
import type { StoreRecord } from "../../core/store/record.ts"
import type { Store, StoreHealth, StoreRefusal, StoreResult } from "../../ports/store.ts"

/** How records are kept: `keep` returns why it could not, or null. The ledger has them already. */
export type Keeper = {
    readonly keep: (records: readonly StoreRecord[]) => Promise<string | null>
    /** Keeps what the ledger has now, and nothing else, whatever was kept before. Why it could not, or null. */
    readonly anew: () => Promise<string | null>
    readonly close: () => Promise<void>
}

/** A store that can be asked to look whether what it keeps is still where it was, and to keep it anew if not. */
export type CheckedStore = Store & { readonly check: () => void }

type Decision = ReturnType<Ledger["claim"]>
type Waiting = { readonly decide: () => Decision; readonly answer: (result: StoreResult) => void }

const REASONS: Readonly<Record<Exclude<StoreRefusal, "failed">, string>> = {
    used: "it was used before",
    stale: "its time is over",
    unsure: "it may have been used before: what happened then is not known",
    full: "too many are kept already",
}

/** A store over a ledger. `now`: milliseconds since 1970. */
export function batchStore(name: Store["name"], ledger: Ledger, now: () => number, keeper: Keeper): CheckedStore {
    const waiting: Waiting[] = []
    let working: Promise<void> | null = null
    let closing: Promise<void> | null = null
    let trouble: string | null = null
    let checking = false
    const dropping: ((result: StoreResult) => void)[] = []

    const ask = (decide: () => Decision): Promise<StoreResult> => {
        if (closing !== null) return Promise.resolve(refusal("failed", "the store is closed"))
        return new Promise((answer) => {
            waiting.push({ decide, answer })
            working ??= work()
        })
    }
    const work = async () => {
        // Whatever else is asked for in this turn goes along.
        await Promise.resolve()
        while (waiting.length > 0 || dropping.length > 0 || checking) {
            if (checking) {
                checking = false
                trouble = await keeper.keep([])
            }
            await batch(waiting.splice(0))
            await drop(dropping.splice(0))
        }
        working = null
    }
    const batch = async (asked: readonly Waiting[]) => {
        const records: StoreRecord[] = []
        const undo: (() => void)[] = []
        const results = asked.map(({ decide }): StoreResult => {
            const decision = decide()
            if ("refused" in decision) return refusal(decision.refused, REASONS[decision.refused])
            records.push(decision.record)
            undo.push(ledger.fold(decision.record))
            return { ok: true }
        })
        if (records.length > 0) trouble = await keeper.keep(records)
        if (records.length === 0 || trouble === null) {
            for (const [i, { answer }] of asked.entries()) answer(results[i]!)
            return
        }
        // Refusals, too, can rest on what was not kept.
        for (const back of undo.reverse()) back()
        for (const { answer } of asked) answer(refusal("failed", trouble))
    }
    const drop = async (asked: readonly ((result: StoreResult) => void)[]) => {
        if (asked.length === 0) return
        const back = ledger.dropCounters()
        trouble = await keeper.anew()
        if (trouble !== null) back()
        for (const answer of asked) answer(trouble === null ? { ok: true } : refusal("failed", trouble))
    }
    return {
        name,
        raised: (key) => ledger.raised(key),
        async dropCounters() {
            if (closing !== null) return refusal("failed", "the store is closed")
            return new Promise((answer) => {
                dropping.push(answer)
                working ??= work()
            })
        },
        claim: async (id, since, until) => ask(checked(() => ledger.claim(id, since, until, now()))),
        raise: async (key, n, since) => ask(checked(() => ledger.raise(key, n, since))),
        note: async (stop, due) => ask(checked(() => ledger.note(stop, due))),
        trust: async (since) => ask(checked(() => ledger.trust(since))),
        pending: () => ledger.stops(),
        health: (): StoreHealth => ({ ...ledger.facts(), trouble }),
        check() {
            if (closing !== null) return
            checking = true
            working ??= work()
        },
        close() {
            closing ??= (working ?? Promise.resolve()).then(() => keeper.close())
            return closing
        },
    }
}

/** Throws now, to the one who asked, if this can never be decided. */
function checked(decide: () => Decision): () => Decision {
    decide()
    return decide
}

function refusal(code: StoreRefusal, detail: string): StoreResult {
    return { ok: false, code, detail }
}
