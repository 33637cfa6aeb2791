/** The command line of knock(1), read as a whole before anything is sent. */
import type { Family } from "../../core/knock/plan.ts"
import { getopt, type OptionSpec } from "../../voice/getopt.ts"
import { type Port, type PortProblem, readPort, type Services } from "./port.ts"

/** In the order of knock's own table, which getopt's texts show. */
const OPTIONS: readonly OptionSpec[] = [
    { short: "v", long: "verbose", value: false },
    { short: "u", long: "udp", value: false },
    { short: "d", long: "delay", value: true },
    { short: "h", long: "help", value: false },
    { short: "V", long: "version", value: false },
    { short: "4", long: "ipv4", value: false },
    { short: "6", long: "ipv6", value: false },
]

/** What is asked for. */
export type Request =
    /** `mistake`: what getopt says of the line, if that is the reason. */
    | { readonly ask: "usage"; readonly mistake: string | null }
    | { readonly ask: "version" }
    | { readonly ask: "knock"; readonly knock: Knock }
    | { readonly ask: "nothing"; readonly delay: DelayProblem }
    | { readonly ask: "nothing"; readonly host: string; readonly ports: readonly PortProblem[] }

/** A whole knock. */
export type Knock = {
    readonly host: string
    readonly ports: readonly Port[]
    /** Milliseconds after each port, also after the last. */
    readonly delay: number
    /** null: whatever the name service names first. */
    readonly family: Family | null
    readonly verbose: boolean
}

/** What is wrong with the value of `-d`. */
export type DelayProblem = { readonly code: "negative" | "number" | "long"; readonly word: string }

/** The most that knock itself can wait: its microseconds are a C `int`. About 36 minutes. */
export const MAX_DELAY = 2_147_483

/** Reads a command line. `strict`: POSIXLY_CORRECT is in the environment. */
export function readRequest(words: readonly string[], services: Services, strict: boolean): Request {
    let [udp, verbose, delay] = [false, false, ""]
    let family: Family | null = null
    let operands: readonly string[] = []
    for (const step of getopt(words, OPTIONS, strict)) {
        if (step.step === "mistake") return { ask: "usage", mistake: step.text }
        if (step.step === "operands") operands = step.words
        else if (step.short === "V") return { ask: "version" }
        else if (step.short === "h") return { ask: "usage", mistake: null }
        else if (step.short === "u") udp = true
        else if (step.short === "v") verbose = true
        else if (step.short === "d") delay = step.value
        else family = step.short === "4" ? 4 : 6
    }
    const [host, ...rest] = operands
    if (host === undefined || rest.length === 0) return { ask: "usage", mistake: null }
    const ms = readDelay(delay)
    if (typeof ms !== "number") return { ask: "nothing", delay: ms }
    const ports: Port[] = []
    const problems: PortProblem[] = []
    for (const word of rest) {
        const port = readPort(word, udp, services)
        if ("code" in port) problems.push(port)
        else ports.push(port)
    }
    if (problems.length > 0) return { ask: "nothing", host, ports: problems }
    return { ask: "knock", knock: { host, ports, delay: ms, family, verbose } }
}

/** An empty text is a variable that is not set: no delay. `ms` may follow, because it means what is done. */
function readDelay(word: string): number | DelayProblem {
    const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)(\d+)(?:ms)?$/.exec(word) ?? []
    if (digits === undefined) return word === "" ? 0 : { code: "number", word }
    const value = Number(digits)
    if (sign === "-" && value > 0) return { code: "negative", word }
    return value > MAX_DELAY ? { code: "long", word } : value
}
