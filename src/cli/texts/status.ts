/** A status for people: what matters at a glance first, tables after it, nothing where there is nothing. */
import type { Status } from "../../core/status.ts"
import { formatMs, formatStamp } from "../../voice/reports.ts"
import { ago, publicationLines } from "./bundle.ts"
import { troubleRows } from "./state.ts"

/** The lines of a status. */
export function statusLines(status: Status): string[] {
    const { totals, counters } = status
    return [
        `up ${formatMs(status.now - status.started)} (pid ${status.pid}), ${watchingText(status)}, by ${status.capture}`,
        `configuration read ${formatStamp(status.loaded).slice(0, 19).replace("T", " ")}`,
        ...(status.table === null ? [] : [tableText(status.table)]),
        ...section("doors", doorRows(status), totals.doors),
        ...section("hidden on trial", trialRows(status), 0),
        ...section("attempts", attemptRows(status), totals.attempts),
        ...section("grants", grantRows(status), totals.grants),
        "",
        `hits     ${counters.hits}, ${counters.repeats} repeated, ${counters.ignored} of paused sources, ${counters.turnedAway} without room`,
        `packets  ${counters.delivered}, ${counters.dropped} dropped by the kernel`,
        `room     ${totals.grants} of ${totals.grantsRoom} grants, ${totals.sources} of ${totals.sourcesRoom} sources`,
        ...section("one-time sequences", oneTimeRows(status), 0),
        ...section("knockers", memberRows(status), status.oneTime?.total ?? 0),
        ...section("bundles", publicationRows(status), 0),
        ...section("state", troubleRows(status.state), 0),
        ...section("warnings", warningRows(status), status.warnings.length),
    ]
}

function watchingText({ interfaces }: Status): string {
    if (interfaces === null) return "watching all interfaces"
    return interfaces.length === 0 ? "watching no interface" : `watching ${interfaces.join(", ")}`
}

function tableText({ by, inPlace, leads }: NonNullable<Status["table"]>): string {
    const how = leads ? "" : "; this kernel can lead nobody to loopback"
    return `table ${inPlace ? "in place" : "NOT in the kernel as wanted"}, by ${by}${how}`
}

function doorRows({ doors }: Status): string[][] {
    return doors.map(({ name, opens, for: ms, hide, grants }) => [
        name,
        opens.length === 0 ? "opens nothing" : `${opens.join(", ")} for ${formatMs(ms)}`,
        hide ? "hidden" : "",
        grants === 0 ? "" : `${grants} open`,
    ])
}

function trialRows({ hiding }: Status): string[][] {
    return (hiding?.trials ?? []).map(({ service, left, arrived }) => [
        service,
        `${formatMs(left)} left`,
        arrived === null || arrived.length === 0 ? "" : `new connections from ${arrived.join(", ")}`,
    ])
}

function attemptRows({ attempts }: Status): string[][] {
    return attempts.map(({ door, source, stage, of, left }) => [
        door,
        source,
        `stage ${stage} of ${of}`,
        `${formatMs(left)} left`,
    ])
}

const PROGRAMS = {
    idle: "",
    starting: "start runs",
    started: "stop is to come",
    stopping: "stop runs",
    resting: "has run",
} as const

function grantRows({ grants }: Status): string[][] {
    return grants.map(({ door, source, network, left, used, since, by, uid, knocker, program }) => [
        door,
        network === null ? source : `${network}, by ${source}`,
        left === null ? "not open" : `${formatMs(left)} ${used ? "left, used" : "left"}`,
        `since ${formatStamp(since).slice(0, 19).replace("T", " ")}`,
        by === "hand"
            ? `by hand of user ${uid}`
            : by === "found"
              ? "from before the start"
              : `by a knock${knocker === null ? "" : ` of ${knocker}`}`,
        PROGRAMS[program],
    ])
}

function oneTimeRows({ oneTime }: Status): string[][] {
    if (oneTime === null) return []
    const { waitsFor, knockers, sequences } = oneTime
    const who = `${knockers} ${knockers === 1 ? "knocker" : "knockers"}`
    return [[who, `${sequences} upcoming`, waitsFor === null ? "" : `open nothing now: ${waitsFor}`]]
}

function memberRows({ oneTime, publication, now }: Status): string[][] {
    const never = publication?.last ? "in no published file" : "not published since the start"
    return (oneTime?.members ?? []).map(({ knocker, door, next, left, used, published }) => [
        knocker,
        door,
        `${left} left`,
        // The counter outlives the daemon, the time of the last use does not.
        used !== null ? `used ${ago(used, now)}` : next === 0 ? "never used" : "last use not known",
        published === null ? never : `published ${ago(published, now)}`,
    ])
}

function publicationRows({ publication, now }: Status): string[][] {
    return publication === null ? [] : publicationLines(publication, now).map((line) => [line])
}

function warningRows({ warnings }: Status): string[][] {
    return warnings.map(({ time, level, text, times }) => [
        formatStamp(time).slice(0, 19).replace("T", " "),
        `${level}: ${text}${times > 1 ? ` (${times} times)` : ""}`,
    ])
}

/** A heading and its rows in columns; `total` counts those that are not listed, too. */
function section(title: string, rows: readonly string[][], total: number): string[] {
    if (rows.length === 0) return []
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
    const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")}`.trimEnd())
    return ["", title, ...lines, ...(total > rows.length ? [`  and more: ${total} in all`] : [])]
}
