/** What of the reports is kept in the audit trail: who was let in or not, and what was done; no attempts. */
import { formatService } from "../knock/language.ts"
import { formatAddress, formatNetwork, type Network } from "../net/address.ts"
import { UNKNOWN_KNOCKER } from "../one-time/knocker.ts"
import type { Omitted, ProgramStep, Report } from "../report.ts"
import { type AuditFact, shortText } from "./entry.ts"

/** Ours: so many other users are named. An entry is one line, and has an end. */
const OTHERS_MOST = 100

/** The fact of a report; null: it is not kept. `wall`: milliseconds since 1970, now. */
export function factOf(report: Report, wall: number): AuditFact | null {
    switch (report.type) {
        case "stage":
        case "timeout":
        case "late":
        case "spoiled":
            return null
        case "opened": {
            const opens = report.opens.map(formatService)
            const what = report.renewed ? "renewed" : "opened"
            return {
                what,
                ...whoOf(report),
                ...networkOf(report),
                knocker: report.knocker ?? UNKNOWN_KNOCKER,
                opens,
                until: wall + report.ms,
            }
        }
        case "given": {
            const opens = report.opens.map(formatService)
            const until = opens.length === 0 ? null : wall + report.ms
            return { what: "given", ...whoOf(report), ...networkOf(report), opens, until, uid: report.uid }
        }
        case "used":
            return { what: "used", ...whoOf(report), ...knockerOf(report) }
        case "revoked":
            return { what: "revoked", ...whoOf(report), ...knockerOf(report), uid: report.uid }
        case "closed":
            return { what: "closed", ...whoOf(report), ...knockerOf(report), by: report.by }
        case "refused":
            return { what: "refused", ...whoOf(report), knocker: report.knocker ?? UNKNOWN_KNOCKER, code: report.code }
        case "paused":
            return { what: "paused", source: formatAddress(report.source), until: wall + report.ms }
        case "program":
            return { what: "program", ...whoOf(report), which: report.which, ...stepOf(report.how) }
        case "orphans":
            return { what: "orphans", uid: report.uid, count: report.count }
        case "reload": {
            const { done, uid, others = [] } = report
            const more = others.length === 0 ? {} : { others: others.slice(0, OTHERS_MOST) }
            return { what: "reloaded", done, problems: report.done ? 0 : report.problems, uid, ...more }
        }
        case "table":
            return { what: "table", made: report.made, detail: report.made ? "" : shortText(report.detail) }
        case "hiding": {
            const services = report.services.map(formatService)
            const until = "ms" in report ? { until: wall + Math.round(report.ms) } : {}
            const uid = "uid" in report ? { uid: report.uid } : {}
            const code = "code" in report ? { code: report.code } : {}
            const more = report.more === undefined ? {} : { more: report.more }
            return { what: "hiding", how: report.how, services, ...more, ...until, ...uid, ...code }
        }
        case "suppressed":
            return omitted(report)
    }
}

/** Of what people were not told: what would have been kept, and was never made. Grants are kept all the same. */
function omitted({ kinds }: Omitted): AuditFact | null {
    const kept = kinds.filter(({ kind }) => kind === "refused" || kind === "paused")
    const count = kept.reduce((sum, one) => sum + one.count, 0)
    return count === 0 ? null : { what: "suppressed", count }
}

function whoOf({ door, source }: Extract<Report, { door: string }>): { door: string; source: string } {
    return { door, source: formatAddress(source) }
}

function networkOf({ network }: { readonly network?: Network }): { network?: string } {
    return network === undefined ? {} : { network: formatNetwork(network) }
}

function knockerOf({ knocker }: { readonly knocker?: string }): { knocker?: string } {
    return knocker === undefined ? {} : { knocker }
}

type Step = Pick<Extract<AuditFact, { what: "program" }>, "how" | "detail">

/** Neither the program's file nor its arguments: those may hold secrets, and the door says which it is. */
function stepOf(how: ProgramStep): Step {
    if (how.step === "began" || how.step === "crowded") return { how: how.step, detail: "" }
    if (how.step === "unnoted") return { how: "unnoted", detail: shortText(how.detail) }
    const { outcome } = how
    switch (outcome.ended) {
        case "exit":
            return outcome.code === 0 ? { how: "well", detail: "" } : { how: "exit", detail: String(outcome.code) }
        case "signal":
            return { how: "signal", detail: outcome.signal }
        case "timeout":
            return { how: "timeout", detail: "" }
        case "error":
            return { how: "error", detail: shortText(outcome.detail) }
    }
}
