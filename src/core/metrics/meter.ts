/** Everything that the daemon counts, and the times it takes: made once, raised for as long as the process lives. */
import type { ProgramReport } from "../report.ts"
import { Histogram } from "./histogram.ts"
import { Tally } from "./tally.ts"

/** What the firewall is asked to do. */
export const FIREWALL_OPERATIONS = ["apply", "grant", "revoke"] as const
/** How that ends. */
const FIREWALL_RESULTS = ["ok", "full", "denied", "missing", "failed"] as const
/** What the journal is asked for, and how that ends. */
export const STORE_OPERATIONS = ["claim", "raise", "note"] as const
const STORE_RESULTS = ["ok", "used", "stale", "unsure", "full", "failed"] as const
/** Programs of doors, how they end, and why one is not run: too many wait, or its stop could be forgotten. */
const PROGRAMS = ["start", "stop"] as const
const PROGRAM_OUTCOMES = ["ok", "failed", "signal", "timeout", "error"] as const
const PROGRAM_REFUSALS = ["crowded", "unnoted"] as const
/** How much lines of the log matter. */
const LOG_LEVELS = ["error", "warning", "notice", "info", "debug"] as const

/** Counters by one label of a closed set, each from 0 on. */
type Counts<K extends string> = Record<K, number>

/** See the head of the file. */
export class Meter {
    readonly tally = new Tally()
    readonly firewall = grid(FIREWALL_OPERATIONS, FIREWALL_RESULTS)
    readonly firewallTimes = {
        apply: new Histogram(),
        grant: new Histogram(),
        revoke: new Histogram(),
    } as const satisfies Record<(typeof FIREWALL_OPERATIONS)[number], Histogram>
    /** Our table was made again after somebody took it away. */
    mended = 0
    readonly store = grid(STORE_OPERATIONS, STORE_RESULTS)
    /** From the question to the durable answer. */
    readonly storeTimes = new Histogram()
    readonly programs = zeros(PROGRAMS)
    readonly programsEnded = grid(PROGRAMS, PROGRAM_OUTCOMES)
    readonly programsRefused = zeros(PROGRAM_REFUSALS)
    /** From the packet's arrival, by the kernel's stamp, to the grant that is in the kernel. */
    readonly openings = new Histogram()
    /** Questions over the control socket, and refusals by code. */
    readonly asked = new Map<string, number>()
    readonly refused = new Map<string, number>()
    readonly lines = zeros(LOG_LEVELS)

    /** A program of a door began or was queued, ended, or was not run. */
    countProgram({ which, how }: ProgramReport): void {
        if (how.step === "began") this.programs[which]++
        else if (how.step !== "ended") this.programsRefused[how.step]++
        else if (how.outcome.ended !== "exit") this.programsEnded[which][how.outcome.ended]++
        else this.programsEnded[which][how.outcome.code === 0 ? "ok" : "failed"]++
    }

    /** A question came over the control socket. `ask`: one that the language has. */
    countAsked(ask: string): void {
        this.asked.set(ask, (this.asked.get(ask) ?? 0) + 1)
    }

    /** Somebody was refused over the control socket. `code`: one that the language has. */
    countRefused(code: string): void {
        this.refused.set(code, (this.refused.get(code) ?? 0) + 1)
    }
}

function zeros<K extends string>(keys: readonly K[]): Counts<K> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.fromEntries forgets the names of its keys
    return Object.fromEntries(keys.map((key) => [key, 0])) as Counts<K>
}

function grid<R extends string, C extends string>(rows: readonly R[], columns: readonly C[]): Record<R, Counts<C>> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    return Object.fromEntries(rows.map((row) => [row, zeros(columns)])) as Record<R, Counts<C>>
}
