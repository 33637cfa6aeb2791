/** What the daemon answers over its control socket. */
import type { Peer } from "../adapters/system/peer.ts"
import type { Changes } from "../core/config/changes.ts"
import { commandOf } from "../core/config/config.ts"
import type { Answer } from "../core/control/answer.ts"
import { refuse } from "../core/control/message.ts"
import type { Request } from "../core/control/request.ts"
import { formatService } from "../core/knock/language.ts"
import { LISTED_MOST } from "../core/status.ts"
import { messageOf } from "../core/thrown.ts"
import { formatStamp } from "../voice/reports.ts"
import type { Log } from "./log.ts"
import type { Loop } from "./loop.ts"
import { type MetricsKeeping, metricsNow } from "./metrics.ts"
import type { Publishing } from "./one-time/publishing.ts"
import type { Recorder } from "./recorder.ts"
import type { ReloadOutcome } from "./reload.ts"
import { statusNow } from "./status.ts"
import type { Asker } from "./turns.ts"

/** A refusal names so many doors. */
const DOORS_NAMED = 20

/** What questions are answered with. */
export type AnswerKeeping = MetricsKeeping & {
    /** Grants, revokes and hides by hand. */
    readonly loop: Pick<Loop, "grant" | "revoke" | "hiding">
    readonly note: Recorder["note"]
    /** Bundles of one-time sequences; null: no door has any. */
    readonly publishing: Pick<Publishing, "show" | "publish" | "rotate"> | null
    /** Hears that the journal is trusted from another moment on. */
    readonly trusted: () => void
    /** Reads the configuration again for this user; null: he has gone before it was his turn. */
    readonly reload: (asker: Asker) => Promise<ReloadOutcome | null>
}

/** Does what is asked, at once or, what must wait, soon. A mistake of ours is told, and costs the answer alone. */
export function answerer(
    keeping: AnswerKeeping,
    log: Log,
): (request: Request, peer: Peer, gone: Asker["gone"]) => Promise<Answer> {
    return async (request, { uid }, gone) => {
        keeping.meter.countAsked(request.ask)
        const answer = await tryToAnswer(request, { uid, gone }, keeping, log)
        if (!answer.ok) keeping.meter.countRefused(answer.code)
        return answer
    }
}

/** Who asks over the socket. */
type Client = Asker & { readonly uid: number }

async function tryToAnswer(request: Request, client: Client, keeping: AnswerKeeping, log: Log): Promise<Answer> {
    try {
        return await answer(request, client, keeping, log)
    } catch (error) {
        const text = messageOf(error)
        log("error", `control: ${request.ask} failed: ${text}`)
        return refuse("failed", text)
    }
}

async function answer(request: Request, client: Client, keeping: AnswerKeeping, log: Log): Promise<Answer> {
    const { uid } = client
    const { loop, standing, kept } = keeping
    const { config } = standing
    if (request.ask === "log") {
        if (kept.audit === null) return refuse("audit")
        try {
            return { ok: true, answer: "log", ...(await kept.audit.read(request)) }
        } catch (error) {
            if (isMistake(error)) throw error
            // Its directory or a file of it cannot be read just now: for who asks to know.
            return refuse("failed", messageOf(error))
        }
    }
    if (request.ask === "trust") return trust(request.since, uid, keeping, log)
    if (request.ask === "reload") return reloaded(await keeping.reload(client))
    if (request.ask === "hide") {
        const refused = loop.hiding.hide(request.service, request.ms, uid)
        return refused === null ? { ok: true, answer: "hide" } : refuse(refused)
    }
    if (request.ask === "unhide") {
        const was = loop.hiding.unhide(request.service, uid)
        return was === null ? refuse("firewall") : { ok: true, answer: "unhide", was }
    }
    if (request.ask === "status") return { ok: true, answer: "status", status: statusNow(keeping) }
    if (request.ask === "metrics") return { ok: true, answer: "metrics", text: metricsNow(keeping) }
    if (request.ask === "bundle")
        return keeping.publishing?.show(request.knocker, request.secret, uid) ?? refuse("bundles")
    if (request.ask === "publish") return keeping.publishing?.publish() ?? refuse("bundles")
    if (request.ask === "rotate") return keeping.publishing?.rotate(request.grace, uid) ?? refuse("bundles")
    const door = config.doors.find(({ name }) => name === request.door)
    if (request.door !== null && door === undefined) {
        const names = config.doors.slice(0, DOORS_NAMED).map(({ name }) => name)
        return refuse("door", `${names.join(", ")}${config.doors.length > DOORS_NAMED ? ", …" : ""}`)
    }
    if (request.ask === "revoke") {
        const { grants, orphans, done } = loop.revoke(door ?? null, request.source, uid, request.knocker)
        return done ? { ok: true, answer: "revoke", grants, orphans } : refuse("firewall")
    }
    if (door === undefined || (door.opens.length === 0 && commandOf(door, request.source) === null))
        return refuse("nothing")
    const ms = request.ms ?? door.for
    const refused = loop.grant(door, request.source, ms, uid)
    if (refused !== null) return refuse(refused)
    return { ok: true, answer: "grant", ms: door.opens.length === 0 ? 0 : ms, opens: door.opens.map(formatService) }
}

/** One of the kinds that JavaScript itself throws: a disk has others. */
function isMistake(error: unknown): boolean {
    return [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind)
}

/** An operator decides what is taken for known: written down in journal, log and audit trail. */
async function trust(
    since: number,
    uid: number,
    { kept, clock, note, trusted }: AnswerKeeping,
    log: Log,
): Promise<Answer> {
    if (kept.store === null) return refuse("journal")
    const before = kept.store.health().since
    const result = await kept.store.trust(Math.min(since, Math.ceil(clock.wall())))
    if (!result.ok) return refuse("failed", result.detail)
    const from = kept.store.health().since
    note({ what: "trust", from, uid })
    trusted()
    log("warning", `state: user ${uid} has decided: what may have been used before ${formatStamp(from)} is refused`)
    return { ok: true, answer: "trust", before }
}

function reloaded(outcome: ReloadOutcome | null): Answer {
    if (outcome === null) return refuse("failed", "nobody waited for it")
    if (!outcome.ok) return refuse(outcome.code, outcome.problems.join("\n"))
    const { doors, hooks, knockers, gateway } = outcome.changes
    return {
        ok: true,
        answer: "reload",
        ...listed(doors),
        totals: { ...totals(doors), kept: doors.kept },
        hooks: { added: [...hooks.added], removed: [...hooks.removed], changed: [...hooks.changed] },
        knockers: { ...listed(knockers), totals: totals(knockers) },
        gateway: [...gateway],
        ended: outcome.ended,
        warnings: [...outcome.problems],
    }
}

function listed({ added, removed, changed }: Changes): Record<"added" | "removed" | "changed", string[]> {
    return {
        added: added.slice(0, LISTED_MOST),
        removed: removed.slice(0, LISTED_MOST),
        changed: changed.slice(0, LISTED_MOST),
    }
}

function totals({ added, removed, changed }: Changes): Record<"added" | "removed" | "changed", number> {
    return { added: added.length, removed: removed.length, changed: changed.length }
}
