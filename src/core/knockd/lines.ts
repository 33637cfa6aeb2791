/**
 * What knockd says of what happens, to the letter: log parsers (fail2ban and others) read it. What it never says, such
 * as why a knock went no further, is said in lines of the same form. An empty text is an empty line, which knockd
 * writes after some of its lines.
 */
import { formatAddress } from "../net/address.ts"
import type { ProgramOutcome, Report } from "../report.ts"

/**
 * The lines for one report; none for what nobody needs to know. `titles`: what the configuration calls doors, if not
 * what they are called here; `name`: the source as it is called.
 */
export function knockdLines(report: Report, titles: ReadonlyMap<string, string>, name = formatAddress): string[] {
    if (report.type === "suppressed") {
        return [`${report.count} more lines of ${report.sources} sources were left out in ${seconds(report.ms)} s`]
    }
    if (!("door" in report)) return []
    const title = titles.get(report.door) ?? report.door
    const who = `${name(report.source)}: ${title}`
    switch (report.type) {
        case "stage": {
            const stage = `${who}: Stage ${report.stage}`
            return report.stage === report.of ? [stage, `${who}: OPEN SESAME`] : [stage]
        }
        case "timeout":
            return [`${who}: sequence timeout (stage ${report.stage})`, ""]
        case "late":
            return [`${who}: too late for stage ${report.stage}: ${report.ms - report.within} ms after seq_timeout`]
        case "spoiled":
            return [`${who}: failed after stage ${report.stage}: a wrong hit, ${report.after} ms later`]
        case "program": {
            const { how } = report
            if (how.step === "began") {
                const running = [`${title}: running command: ${how.program}`, ""]
                return report.which === "stop" ? [`${who}: command timeout`, ...running] : running
            }
            if (how.step === "crowded") return [`${who}: command not run: too many are waiting`]
            if (how.step === "unnoted") return [`${who}: command not run: its stop cannot be noted: ${how.detail}`]
            return outcomeLines(title, how.outcome)
        }
        case "refused":
            return [`${who}: not opened: ${report.code === "cooldown" ? "seq_cooldown has not passed" : report.code}`]
        // What is opened is said by the program that opens it.
        case "opened":
        case "given":
        case "used":
        case "revoked":
        case "closed":
            return []
    }
}

/** How a command of this door, or of the daemon itself, has ended; none if as it should. */
export function outcomeLines(title: string, outcome: ProgramOutcome): string[] {
    if (outcome.ended === "exit") {
        return outcome.code === 0 ? [] : [`${title}: command returned non-zero status code (${outcome.code})`]
    }
    if (outcome.ended === "signal") return [`${title}: command was ended by ${outcome.signal}`]
    if (outcome.ended === "timeout") return [`${title}: command took too long and was ended`]
    return ["error: command fork failed!", `${title}: ${outcome.detail}`]
}

function seconds(ms: number): string {
    return (ms / 1000).toFixed(1)
}
