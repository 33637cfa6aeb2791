/** Takes the directory `state`, as far as this configuration needs it, and says how it was found. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { JOURNAL, openJournal } from "../adapters/store/journal.ts"
import type { Config } from "../core/config/config.ts"
import type { Store } from "../ports/store.ts"
import { formatStamp } from "../voice/reports.ts"
import type { Log } from "./log.ts"

/** The store; null where nothing needs one. Or why there is none, and whether rights are missing. */
export type State =
    | { readonly ok: true; readonly store: Store | null }
    | { readonly ok: false; readonly denied: boolean; readonly detail: string }

/**
 * Only doors with a `stop` need a store. Where there is none nothing is made; what an earlier configuration has left
 * there is looked at, and is no reason not to start.
 */
export async function openState({ gateway, doors }: Config, now: () => number, log: Log): Promise<State> {
    const needed = doors.some(({ command }) => command?.stop != null)
    if (!needed && !existsSync(join(gateway.state, JOURNAL))) return { ok: true, store: null }
    const opening = await openJournal(gateway.state, now)
    if (!opening.ok) {
        const detail = `state: ${gateway.state} cannot be used: ${opening.detail}`
        if (needed) return { ok: false, denied: opening.code === "denied", detail }
        log("warning", `${detail}: no door needs it now`)
        return { ok: true, store: null }
    }
    const { store, found, detail } = opening
    if (found === "new") log("info", `state: a new journal in ${gateway.state}`)
    if (found === "torn") log("notice", `state: ${detail}, as by a crash: nothing is lost that was relied on`)
    if (found === "damaged") {
        const since = formatStamp(store.health().since)
        log(
            "error",
            `state: the journal was damaged: ${detail}. What may have been used before ${since} is refused from now on, and stop programs that were noted in what is gone will not run. A copy is ${join(gateway.state, JOURNAL)}.damaged`,
        )
    }
    return { ok: true, store }
}
