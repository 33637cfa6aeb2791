/** What the daemon answers over its control socket. */
import type { Peer } from "../adapters/system/peer.ts"
import { type Answer, type Request, refuse } from "../core/control.ts"
import { formatService } from "../core/knock/language.ts"
import type { Log } from "./log.ts"
import { type MetricsSources, metricsNow } from "./metrics.ts"
import { statusNow } from "./status.ts"

/** A refusal names so many doors. */
const DOORS_NAMED = 20

/** Does what is asked, at once. A mistake of ours is told, and costs the answer alone: the doors go on. */
export function answerer(sources: MetricsSources, log: Log): (request: Request, peer: Peer) => Answer {
    return (request, peer) => {
        sources.meter.countAsked(request.ask)
        const answer = tryToAnswer(request, peer, sources, log)
        if (!answer.ok) sources.meter.countRefused(answer.code)
        return answer
    }
}

function tryToAnswer(request: Request, peer: Peer, sources: MetricsSources, log: Log): Answer {
    try {
        return answer(request, peer, sources)
    } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        log("error", `control: ${request.ask} failed: ${text}`)
        return refuse("failed", text)
    }
}

function answer(request: Request, { uid }: Peer, sources: MetricsSources): Answer {
    const { loop, config } = sources
    if (request.ask === "status") return { ok: true, answer: "status", status: statusNow(sources) }
    if (request.ask === "metrics") return { ok: true, answer: "metrics", text: metricsNow(sources) }
    const door = config.doors.find(({ name }) => name === request.door)
    if (request.door !== null && door === undefined) {
        const names = config.doors.slice(0, DOORS_NAMED).map(({ name }) => name)
        return refuse("door", `${names.join(", ")}${config.doors.length > DOORS_NAMED ? ", …" : ""}`)
    }
    if (request.ask === "revoke") {
        const { grants, strays, done } = loop.revoke(door ?? null, request.source, uid)
        return done ? { ok: true, answer: "revoke", grants, strays } : refuse("firewall")
    }
    if (door === undefined || (door.opens.length === 0 && door.command === null)) return refuse("nothing")
    const ms = request.ms ?? door.for
    const refused = loop.grant(door, request.source, ms, uid)
    if (refused !== null) return refuse(refused)
    return { ok: true, answer: "grant", ms: door.opens.length === 0 ? 0 : ms, opens: door.opens.map(formatService) }
}
