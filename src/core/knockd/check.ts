/**
 * Every problem of a knockd.conf: its mistakes, what knockd takes without a word, and what is unwise. Pure: what is on
 * the disk and on the host comes as an argument.
 */
import type { Service } from "../knock/hit.ts"
import { checkCommands } from "./check-commands.ts"
import { checkDoors } from "./check-doors.ts"
import { checkOneTime } from "./check-one-time.ts"
import { checkOptions } from "./check-options.ts"
import type { FoundFile, KnockdDoor, KnockdSurvey, Places } from "./conf.ts"
import type { KnockdIssue, KnockdProblem } from "./problems.ts"
import { Sheet } from "./sheet.ts"
import { lower } from "./text.ts"
import { shownName } from "./texts.ts"

/** A file as it was found, with its permission bits. */
export type SourceFile = FoundFile & { readonly mode?: number }

/** Everything there is to check. */
export type KnockdSource = {
    /** How errors call it. */
    readonly file: string
    readonly conf: SourceFile
    /** Null: the file could not be read. */
    readonly survey: KnockdSurvey | null
    /** Files of one-time sequences, by their paths. */
    readonly oneTime: ReadonlyMap<string, SourceFile>
}

/** What is known of the host that the file is for. */
export type KnockdHost = {
    /** Services on which something listens; null: not known. */
    readonly listening: readonly Service[] | null
    /** Does it lack this for sure? Null: not known. */
    readonly lacks: ((kind: "program" | "interface" | "directory", name: string) => boolean) | null
}

/** Says something of a directive of a door (or of its section, where `key` is null); `hit`: of its sequence, from 0. */
export type Say = (key: string | null, problem: KnockdProblem, hit?: number) => void

/** A door and where its directives stand. */
export type PlacedDoor = { readonly door: KnockdDoor; readonly places: Places; readonly say: Say }

/** All of them, errors and doubts, in the order of their places: the configuration first, then other files. */
export function checkKnockd(source: KnockdSource, host: KnockdHost): readonly KnockdIssue[] {
    const { file, conf, survey } = source
    const sheet = new Sheet()
    if (!conf.ok || survey === null) {
        sheet.add({ file, line: 0, path: "", problem: { code: "unreadable", detail: conf.ok ? "" : conf.detail } })
        return sheet.sorted(file)
    }
    const lines = conf.text.split("\n")
    const at = (line: number, path: string, problem: KnockdProblem) => sheet.add({ file, lines, line, path, problem })
    const doors = survey.conf.doors.flatMap((door, i): PlacedDoor[] => {
        // Refused as it is.
        if (door.name === "") return []
        const places = survey.places.doors[i]!
        const name = shownName(door.name)
        const say: Say = (key, problem, hit) => {
            const line = (key === null ? undefined : places.get(key)) ?? door.line
            at(line, pathOf(name, key, hit), problem)
        }
        return [{ door, places, say }]
    })
    known(source, survey, sheet, at)
    if (survey.conf.doors.length === 0) at(1, "", { code: "no-doors" })
    checkOptions(survey, host, (key, problem) => {
        at(survey.places.options.get(key) ?? 1, survey.places.options.has(key) ? `options.${lower(key)}` : "", problem)
    })
    checkDoors(doors, host)
    for (const placed of doors) checkCommands(placed, host)
    checkOneTime(doors, source, (path, line, problem) => {
        const found = source.oneTime.get(path)
        sheet.add({ file: path, lines: found?.ok ? found.text.split("\n") : [], line, path: "", problem })
    })
    if ((conf.mode ?? 0) & 0o004) at(1, "", { code: "readable" })
    if ((conf.mode ?? 0) & 0o022) at(1, "", { code: "writable" })
    return sheet.sorted(file)
}

/** What reading has shown. */
function known(
    { oneTime }: KnockdSource,
    { faults, oddities }: KnockdSurvey,
    sheet: Sheet,
    at: (line: number, path: string, problem: KnockdProblem) => void,
): void {
    let homeless = false
    for (const fault of faults) {
        // Once for all that stands before the first section.
        if (fault.fault === "no-section" && homeless) continue
        homeless ||= fault.fault === "no-section"
        const key = FAULT_KEYS[fault.fault] ?? null
        const hit = fault.fault === "port" || fault.fault === "protocol" ? fault.hit : undefined
        const section = fault.door === null ? null : shownName(fault.door)
        at(fault.line, section === null ? "" : pathOf(section, key, hit), { code: "fault", fault })
    }
    const commented = new Set(oddities.flatMap(({ odd, line }) => (odd === "comment" ? [line] : [])))
    for (const oddity of oddities) {
        // A comment makes the last port odd: that has been told then.
        if (oddity.odd === "port" && commented.has(oddity.line) && oddity.text.includes("#")) continue
        const section = oddity.door === null ? null : shownName(oddity.door)
        const problem = { code: "odd", oddity } as const
        if (oddity.odd === "unusable") {
            const found = oneTime.get(oddity.path)
            const lines = found?.ok ? found.text.split("\n") : []
            sheet.add({ file: oddity.path, lines, line: oddity.at, path: "", problem })
        } else {
            const key = "key" in oddity ? oddity.key : (ODD_KEYS[oddity.odd] ?? null)
            const hit = "hit" in oddity ? oddity.hit : undefined
            at(
                oddity.line,
                section === null ? (key === null ? "" : `options.${lower(key)}`) : pathOf(section, key, hit),
                problem,
            )
        }
    }
}

const FAULT_KEYS: Readonly<Record<string, string>> = {
    flag: "TCPFLAGS",
    port: "SEQUENCE",
    protocol: "SEQUENCE",
    many: "SEQUENCE",
    unreadable: "ONE_TIME_SEQUENCES",
    "used-up": "ONE_TIME_SEQUENCES",
}
const ODD_KEYS: Readonly<Record<string, string>> = {
    port: "SEQUENCE",
    rest: "SEQUENCE",
    flags: "TCPFLAGS",
    syslog: "USESYSLOG",
}

/** `ssh.sequence[2]`. */
function pathOf(section: string, key: string | null, hit: number | undefined): string {
    return `${section}${key === null ? "" : `.${lower(key)}`}${hit === undefined ? "" : `[${hit}]`}`
}
