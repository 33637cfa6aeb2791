/** Entries of the audit trail as lines for people: close to what the log says of the same thing. */
import type { AuditEntry, AuditFact, AuditKind } from "../../core/audit/entry.ts"
import type { RefusalCode } from "../../core/report.ts"
import { formatMs, formatStamp, reloadersText } from "../../voice/reports.ts"

type Of<K extends AuditKind> = Extract<AuditEntry, { what: K }>

/** The line of an entry, with its time. */
export function entryText(entry: AuditEntry): string {
    const when = `${formatStamp(entry.time).slice(0, 19).replace("T", " ")}  `
    const who = "source" in entry ? `${"door" in entry ? `${entry.door}: ` : ""}${entry.source}: ` : ""
    return `${when}${who}${factText(entry)}`
}

function factText(entry: AuditEntry): string {
    switch (entry.what) {
        case "opened":
            return `open${toText(entry)}: ${openText(entry)}${knockerText(entry.knocker)}`
        case "renewed":
            return `open for longer${toText(entry)}: ${openText(entry)}${knockerText(entry.knocker)}`
        case "given":
            if (entry.until === null) return `run by hand of user ${entry.uid}`
            return `open by hand of user ${entry.uid}${toText(entry)}: ${openText({ ...entry, until: entry.until })}`
        case "used":
            return `used: a connection began${knockerText(entry.knocker)}`
        case "revoked":
            return `revoked by hand of user ${entry.uid}${knockerText(entry.knocker)}`
        case "closed":
            return `closed ${CLOSED[entry.by]}${knockerText(entry.knocker)}`
        case "refused":
            return `refused: the right knock, but ${refusedText(entry.code)}${knockerText(entry.knocker)}`
        case "paused":
            return `too many near-misses: paused for ${formatMs(Math.max(0, entry.until - entry.time))}`
        case "program":
            return programText(entry)
        case "orphans":
            return `user ${entry.uid} took back ${entry.count} that no door had opened`
        case "table":
            return `the firewall table was taken away${entry.made ? " and made again" : `: ${entry.detail}`}`
        case "hiding":
            return hidingText(entry)
        case "started":
            return `postern ${entry.version} started (pid ${entry.pid})${LAST[entry.last]}`
        case "stopped":
            return `postern stopped (${entry.signal})`
        case "reloaded":
            return reloadText(entry)
        case "journal":
            return `the journal ${FOUND[entry.found]}: known from ${formatStamp(entry.since)} on`
        case "trust":
            return `user ${entry.uid} decided that what may have been used since ${formatStamp(entry.from)} is known`
        case "disclosed":
            return `user ${entry.uid} has read the upcoming sequences of ${entry.knocker}`
        case "located":
            return `user ${entry.uid} was told where the files of ${entry.knocker} are`
        case "rekeyed":
            return `user ${entry.uid} had another key sign bundles`
        case "suppressed":
            return `${entry.count} refusals and pauses of a flood were counted and no more`
        case "summed":
            return sumText(entry)
        case "lost":
            return `${plural(entry.count, "entry", "entries")} since ${formatStamp(entry.since)} could not be written`
    }
}

/** `tcp/22 for 30 s, until 17:05:31`. */
function openText({ opens, until, time }: { opens: readonly string[]; until: number; time: number }): string {
    if (opens.length === 0) return "nothing"
    return `${opens.join(", ")} for ${formatMs(Math.max(0, until - time))}, until ${formatStamp(until).slice(11, 19)}`
}

function hidingText({ how, services, more = 0, until, uid, code, time }: Of<"hiding">): string {
    const names = `${services.join(", ")}${more === 0 ? "" : ` and ${more} more`}`
    const by = uid === undefined ? "" : `, by hand of user ${uid}`
    const left = until === undefined ? "" : ` for ${formatMs(Math.max(0, until - time))}`
    return `${names}: ${HIDING[how]}${code === undefined ? "" : ` (${code})`}${left}${by}`
}

const HIDING: Readonly<Record<Of<"hiding">["how"], string>> = {
    trial: "hidden on trial",
    lapsed: "no longer hidden on trial: nobody confirmed it",
    ended: "no longer hidden on trial",
    hidden: "hidden from then on",
    shown: "not hidden from then on",
    opened: "open to everyone",
    spared: "open to everyone after the start of the host",
    unspared: "hidden: the time after the start of the host was over",
    refused: "could not be hidden or opened",
}

function toText({ network }: { readonly network?: string | undefined }): string {
    return network === undefined ? "" : ` to ${network}`
}

function knockerText(knocker = "unknown"): string {
    return knocker === "unknown" ? "" : ` (${knocker})`
}

const CLOSED: Readonly<Record<Of<"closed">["by"], string>> = {
    time: "on time",
    knock: "by a closing knock",
    reload: "by a new configuration",
    loss: "because our table was taken away",
}

const REFUSED = {
    source: "this source may not knock here",
    share: "as many grants of its network are open as one may have",
    grants: "as many grants are open as `grants` allows",
    firewall: "the firewall refused",
    used: "its one-time sequence was used before, or cannot be marked as used",
    state: "it cannot be kept that its one-time sequence is used now",
    cooldown: "it has opened this door a short time ago",
} satisfies Readonly<Record<RefusalCode, string>>

/** A later version may have other codes. */
function refusedText(code: string): string {
    return isRefusalCode(code) ? REFUSED[code] : code
}

function isRefusalCode(code: string): code is RefusalCode {
    return Object.hasOwn(REFUSED, code)
}

function plural(count: number, one: string, more: string): string {
    return `${count} ${count === 1 ? one : more}`
}

const LAST: Readonly<Record<Of<"started">["last"], string>> = {
    none: "",
    clean: "",
    crashed: "; the one before did not end cleanly",
}

const FOUND: Readonly<Record<Of<"journal">["found"], string>> = {
    new: "is new",
    torn: "was cut off by a crash",
    damaged: "was damaged",
}

function programText({ which, how, detail }: Extract<AuditFact, { what: "program" }>): string {
    switch (how) {
        case "began":
            return `${which} runs`
        case "well":
            return `${which} ended well`
        case "exit":
            return `${which} ended with exit code ${detail}`
        case "signal":
            return `${which} was ended by ${detail}`
        case "timeout":
            return `${which} took too long and was ended`
        case "error":
            return `${which} could not be run: ${detail}`
        case "crowded":
            return `${which} was not run: too many programs were waiting`
        case "unnoted":
            return `${which} was not run: its stop could not be noted: ${detail}`
    }
}

function reloadText({ done, problems, uid, others }: Extract<AuditFact, { what: "reloaded" }>): string {
    const by = uid === null && others === undefined ? "" : ` by ${reloadersText(uid, others)}`
    if (done) return `the configuration was read anew${by}`
    return `the configuration was refused${by}: ${plural(problems, "problem", "problems")}`
}

function sumText({ of, door, uid, count, sources, since }: Extract<AuditFact, { what: "summed" }>): string {
    const at = door === null ? "" : ` at ${door}`
    const by = uid === null ? "" : ` by user ${uid}`
    const from = sources === 0 ? "" : ` from ${plural(sources, "source", "sources")}`
    return `${count} more of "${of}"${at}${by}${from} since ${formatStamp(since).slice(11, 19)}`
}
