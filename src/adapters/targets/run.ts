/** A program that brings the files where they belong: rsync, scp, git, or the operator's own. */
import { messageOf } from "../../core/thrown.ts"
import type { CommandOutcome, Commands } from "../../ports/commands.ts"
import type { Target } from "../../ports/target.ts"
import { withoutNames } from "../system/durable.ts"

/** Ours: so many letters of what a program said last are told. */
const SAID_MOST = 200

/** What it publishes with. */
export type RunOptions = {
    /** An argument vector; `{directory}` is replaced in each argument. */
    readonly run: readonly string[]
    /** In milliseconds. */
    readonly timeout: number
    readonly commands: Commands
}

/** Publishes by running this program. */
export function runTarget({ run, timeout, commands }: RunOptions): Target {
    const program = run[0] ?? ""
    // Two may run the same program: all of its words tell them apart, and only the program is told.
    const lane = JSON.stringify(run)
    return {
        name: `run ${program}`,
        async publish({ directory }, signal) {
            if (signal.aborted) return { ok: false, detail: "it took too long" }
            const argv = run.map((word) => word.replaceAll("{directory}", directory))
            let said = ""
            const output = (line: string) => {
                if (line.trim() !== "") said = line.trim()
            }
            try {
                const outcome = await new Promise<CommandOutcome | null>((resolve) => {
                    if (!commands.run({ lane, argv, timeout, output }, resolve)) resolve(null)
                })
                if (outcome?.ended === "exit" && outcome.code === 0) return { ok: true }
                return {
                    ok: false,
                    detail: `${program} ${textOf(outcome)}${said === "" ? "" : `: ${withoutNames(said).slice(0, SAID_MOST)}`}`,
                }
            } catch (error) {
                return { ok: false, detail: messageOf(error) }
            }
        },
    }
}

function textOf(outcome: CommandOutcome | null): string {
    if (outcome === null) return "was not run: too many programs are waiting"
    switch (outcome.ended) {
        case "exit":
            return `ended with exit code ${outcome.code}`
        case "signal":
            return `was ended by ${outcome.signal}`
        case "timeout":
            return "took too long and was ended (see `timeout`)"
        case "error":
            return `could not be run: ${outcome.detail}`
    }
}
