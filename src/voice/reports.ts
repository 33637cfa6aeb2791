/** What engine and daemon report, in sentences an operator reads. No hit and no secret is ever in them. */
import { formatService } from "../core/knock/language.ts"
import type { WrongHit } from "../core/knock/wrong.ts"
import { type Address, formatAddress, formatNetwork } from "../core/net/address.ts"
import type {
    HidingRefusal,
    HidingReport,
    Omitted,
    OmittedKind,
    ProgramOutcome,
    RefusalCode,
    Report,
} from "../core/report.ts"

/** How much a line matters; the words are those of syslog(3). */
export type Level = "error" | "warning" | "notice" | "info" | "debug"

const REFUSALS: Readonly<Record<RefusalCode, string>> = {
    source: "the right knock, but this source may not knock here (see `sources`)",
    share: "the right knock, but as many grants of its network are open as one may have",
    grants: "the right knock, but as many grants are open as `grants` allows",
    firewall: "the right knock, but the firewall refused",
    used: "the right knock, but its one-time sequence was used before, or cannot be marked as used",
    state: "the right knock, but it cannot be kept that its one-time sequence is used now",
    cooldown: "the right knock, but this source has opened the door a short time ago",
}

const CLOSED: Readonly<Record<Extract<Report, { type: "closed" }>["by"], string>> = {
    time: "on time",
    knock: "by a closing knock",
    reload: "by a new configuration",
    loss: "because somebody took our table away, and whether it was used is not known",
}

/** A line of the log. */
type Line = { readonly level: Level; readonly text: string }

/** The line for a report, without its time. `wall`: milliseconds since 1970, for the "until". */
export function reportText(report: Report, wall: number): Line {
    if (!("source" in report)) return hostText(report)
    const source = formatAddress(report.source)
    if (report.type === "paused") {
        const text = `${source}: too many near-misses, its hits do not count for ${formatMs(report.ms)}`
        return { level: "warning", text }
    }
    const who = `${report.door}: ${source}${"knocker" in report ? ` (${report.knocker})` : ""}`
    switch (report.type) {
        case "stage":
            return { level: "info", text: `${who}: stage ${report.stage} of ${report.of}` }
        case "timeout":
        case "late":
        case "spoiled":
            return { level: "info", text: `${who}: ${failureText(report)}` }
        case "refused":
            return { level: "warning", text: `${who}: refused: ${REFUSALS[report.code]}` }
        case "opened":
        case "given": {
            const services = report.opens.map(formatService).join(", ")
            const whom = report.network === undefined ? "" : ` to ${formatNetwork(report.network)}`
            const verb = `${openText(report)}${whom}`
            if (services === "") return { level: "notice", text: `${who}: ${verb}` }
            const until = formatClock(wall + report.ms)
            return { level: "notice", text: `${who}: ${verb}: ${services} for ${formatMs(report.ms)}, until ${until}` }
        }
        case "program":
            return programText(report, who)
        case "used":
            return { level: "notice", text: `${who}: used: a connection began, and no other can` }
        case "revoked":
            return { level: "notice", text: `${who}: revoked by hand of user ${report.uid}` }
        case "closed":
            return {
                level: "notice",
                text: `${who}: closed ${CLOSED[report.by]}`,
            }
    }
}

/** What is not about one source. */
function hostText(report: Exclude<Report, { source: Address }>): Line {
    switch (report.type) {
        case "suppressed":
            return { level: "notice", text: omittedText(report) }
        case "orphans":
            return { level: "notice", text: `user ${report.uid} took back ${report.count} that no door has opened` }
        case "reload":
            return reloadText(report)
        case "hiding":
            return { level: isLoud(report) ? "warning" : "notice", text: `hide: ${hidingText(report)}` }
        case "table": {
            if (!report.made) {
                const text = `firewall: our table was taken away and cannot be made again: ${report.detail}`
                return { level: "error", text }
            }
            const text = "firewall: somebody took our table or a part of it away: it was made again"
            return { level: "warning", text }
        }
    }
}

/** Ours: so many services are named in a line. */
const SERVICES_MOST = 10

/** Something is open that somebody wanted to be hidden, or the other way round. */
function isLoud(report: HidingReport): boolean {
    return (
        report.how === "lapsed" || report.how === "spared" || (report.how === "refused" && report.code === "firewall")
    )
}

const NOT_HIDDEN: Readonly<Record<HidingRefusal, string>> = {
    service: "no door opens it",
    hidden: "it is hidden already",
    firewall: "the firewall refused",
}

function hidingText(report: HidingReport): string {
    const names = report.services.slice(0, SERVICES_MOST).map(formatService)
    const more = report.services.length - names.length + (report.more ?? 0)
    const services = `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
    switch (report.how) {
        case "trial":
            return `${services}: hidden on trial for ${formatMs(report.ms)}, by hand of user ${report.uid}`
        case "lapsed":
            return `${services}: no longer hidden on trial: nobody has confirmed it`
        case "ended":
            return `${services}: no longer hidden on trial, by hand of user ${report.uid}`
        case "hidden":
            return `${services}: hidden from now on`
        case "shown":
            return `${services}: not hidden from now on`
        case "opened":
            return `${services}: open to everyone, by hand of user ${report.uid}`
        case "spared":
            return `${services}: open to everyone for ${formatMs(report.ms)} more: the host has just started`
        case "unspared":
            return `${services}: hidden: the time after the start of the host is over`
        case "refused":
            return `${services}: as it was, against the wish of user ${report.uid}: ${NOT_HIDDEN[report.code]}`
    }
}

const NOT_RELOADED = {
    configuration: "the configuration has errors",
    firewall: "the firewall refused",
    failed: "it failed",
} as const

function reloadText(report: Extract<Report, { type: "reload" }>): Line {
    const by = reloadersText(report.uid, report.others)
    if (!report.done)
        return { level: "error", text: `not reloaded (${by}): ${NOT_RELOADED[report.code]}: nothing has changed` }
    const { added, removed, changed, kept, hooks, knockers, gateway, ended } = report
    const keys = gateway.length === 0 ? "nothing" : gateway.join(", ")
    const doors = `doors: ${added} added, ${removed} removed, ${changed} changed`
    const besides = `${kept} as they were; hooks changed: ${hooks}; knockers changed: ${knockers}; [gateway] changed: ${keys}`
    return {
        level: "notice",
        text: `reloaded (${by}): ${doors}, ${besides}; grants ended: ${ended}`,
    }
}

/** Ours: so many of those who asked for one reload are named in a line. */
const NAMED_MOST = 10

/** Who asked for a reload: `SIGHUP`, `user 0, user 1000`. */
export function reloadersText(uid: number | null, others: readonly (number | null)[] = []): string {
    const all = [uid, ...others]
    const named = all.slice(0, NAMED_MOST).map((one) => (one === null ? "SIGHUP" : `user ${one}`))
    const more = all.length - named.length
    return more > 0 ? `${named.join(", ")} and ${more} more` : named.join(", ")
}

function programText({ which, how }: Extract<Report, { type: "program" }>, who: string): Line {
    switch (how.step) {
        case "began":
            return { level: "info", text: `${who}: running ${which}: ${how.program}` }
        case "ended": {
            const well = how.outcome.ended === "exit" && how.outcome.code === 0
            return { level: well ? "debug" : "warning", text: `${who}: ${which}: ${outcomeText(how.outcome)}` }
        }
        case "crowded":
            return { level: "error", text: `${who}: ${which} was not run: too many programs are waiting` }
        case "unnoted":
            return { level: "error", text: `${who}: ${which} was not run: cannot note its stop: ${how.detail}` }
    }
}

/** How a program ended, for people. */
export function outcomeText(outcome: ProgramOutcome): string {
    switch (outcome.ended) {
        case "exit":
            return outcome.code === 0 ? "ended well" : `ended with exit code ${outcome.code}`
        case "signal":
            return `was ended by ${outcome.signal}`
        case "timeout":
            return "took too long and was ended (see `timeout`)"
        case "error":
            return `could not be run: ${outcome.detail}`
    }
}

/** Why an attempt went no further: for the one at the telephone who asks what went wrong. */
function failureText(report: Extract<Report, { type: "timeout" | "late" | "spoiled" }>): string {
    const { stage, of } = report
    switch (report.type) {
        case "timeout": {
            const window = formatMs(report.within)
            return `timed out at stage ${stage} of ${of}: hit ${stage + 1} did not come within ${window} of hit 1`
        }
        case "late": {
            const { ms, within } = report
            const late = `hit ${stage} of ${of} came ${formatMs(ms - within)} too late`
            return `${late}: ${formatMs(ms)} after hit 1 (within = ${formatMs(within)})`
        }
        case "spoiled": {
            const when = `${formatMs(report.after)} after hit ${stage}`
            return `spoiled at stage ${stage} of ${of}: ${when} came ${wrongText(report.by, stage + 1)}`
        }
    }
}

function wrongText(hit: WrongHit, wanted: number): string {
    switch (hit.what) {
        case "again":
            if (hit.nth === 1) return "hit 1 again: the knock was begun anew"
            return `hit ${hit.nth} again in place of hit ${wanted}`
        case "early":
            return `hit ${hit.nth} in place of hit ${wanted}: out of order, or one was lost`
        case "protocol":
            return `hit ${wanted} by a wrong protocol, ${hit.protocol}`
        case "other":
            return `another hit, by ${hit.protocol}, in place of hit ${wanted}`
    }
}

const KINDS: Readonly<Record<OmittedKind, string>> = {
    stage: "stages",
    timeout: "time-outs",
    late: "late hits",
    spoiled: "spoiled",
    refused: "refused",
    paused: "pauses",
    opened: "opened",
    used: "used",
    closed: "closed",
}

function omittedText({ count, sources, ms, kinds }: Omitted): string {
    const parts = kinds.map((one) => `${KINDS[one.kind]} ${grouped(one.count)}`).join(", ")
    const when = `${formatMs(ms)}: ${parts}`
    if (count === 1) return `1 more line from one source was left out in ${when}`
    if (sources <= 1) return `${grouped(count)} more lines from one source were left out in ${when}`
    return `${grouped(count)} more lines from about ${grouped(roughly(sources))} sources were left out in ${when}`
}

/** To two digits: an estimate that is off by some per cent must not look like a count. */
function roughly(number: number): number {
    return number < 100 ? number : Number(number.toPrecision(2))
}

/** `84 210` */
function grouped(number: number): string {
    return String(number).replaceAll(/\B(?=(\d{3})+$)/g, " ")
}

function openText(report: Extract<Report, { type: "opened" | "given" }>): string {
    if (report.type === "opened") return report.renewed ? "open for longer" : "open"
    return report.opens.length === 0 ? `run by hand of user ${report.uid}` : `open by hand of user ${report.uid}`
}

/** A length of time for people: `30 s`, `1.5 s`, `2 min`. */
export function formatMs(ms: number): string {
    if (ms < 1000) return `${ms} ms`
    if (ms < 120_000) return `${Number((ms / 1000).toFixed(1))} s`
    return ms < 7_200_000 ? `${Number((ms / 60_000).toFixed(1))} min` : `${Number((ms / 3_600_000).toFixed(1))} h`
}

/** Local time of day, as in `17:05:31`. */
function formatClock(wall: number): string {
    return formatStamp(wall).slice(11, 19)
}

/** Local time with its offset (RFC 3339), as in `2026-03-01T17:05:31.250+01:00`. */
export function formatStamp(wall: number): string {
    const offset = -new Date(wall).getTimezoneOffset()
    const local = new Date(wall + offset * 60_000).toISOString().slice(0, -1)
    const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
    return `${local}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`
}

function two(n: number): string {
    return String(n).padStart(2, "0")
}
