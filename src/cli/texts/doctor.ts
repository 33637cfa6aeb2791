/** What the doctor says, for people: the worst first, each with why and how to mend it. */
import type { Told } from "../../core/doctor/catalogue.ts"
import { type Diagnosis, SEVERITIES } from "../../core/doctor/examine.ts"
import type { Severity } from "../../core/doctor/finding.ts"

/** The lines of one finding: what it is, why, how to mend it. */
export function findingLines({ severity, code, what, why, commands, advice }: Told): string[] {
    return [
        `${severity}: ${what} [${code}]`,
        `    ${why}`,
        ...(advice === null ? [] : [`    ${advice}`]),
        ...commands.map((command) => `    # ${command}`),
    ]
}

/** Such as `1 broken, 2 notes; 1 thing could not be seen`. */
export function diagnosisText({ findings, unseen }: Diagnosis): string {
    const of = (severity: Severity) => findings.filter((one) => one.severity === severity).length
    const counts = SEVERITIES.flatMap((severity) => {
        const number = of(severity)
        if (number === 0) return []
        return [severity === "note" ? count(number, "note") : `${number} ${severity}`]
    })
    const found = counts.length === 0 ? "nothing is wrong" : counts.join(", ")
    return unseen.length === 0 ? found : `${found}; ${count(unseen.length, "thing")} could not be seen`
}

function count(number: number, what: string): string {
    return `${number} ${what}${number === 1 ? "" : "s"}`
}
