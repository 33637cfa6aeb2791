/**
 * The configuration, read again while the daemon runs: all of it comes into force, or nothing does. What a reload does to
 * doors, attempts and grants is decided in `core/engine.ts` and carried out by the loop; here are the files, the state
 * directory, and whoever asks.
 */
import { type Changes, type ConfigChanges, configChanges, knockerChanges } from "../core/config/changes.ts"
import type { Config } from "../core/config/config.ts"
import { formatIssue, type Issue } from "../core/config/issues.ts"
import { type ConfigFile, type HostFacts, readConfig } from "../core/config/parse.ts"
import type { Knocker } from "../core/one-time/knocker.ts"
import type { Report } from "../core/report.ts"
import { PROBLEMS_MOST } from "../core/status.ts"
import { messageOf } from "../core/thrown.ts"
import type { Log } from "./log.ts"
import type { Loop } from "./loop.ts"
import type { Needed } from "./state.ts"
import { overfull } from "./status.ts"

/** What a reload is made with. */
export type ReloadKeeping = {
    readonly loop: Loop
    readonly log: Log
    /** What is read again: the files as they are now, and the knockers. */
    readonly read: {
        readonly files: () => readonly ConfigFile[]
        readonly knockers: NonNullable<HostFacts["knockers"]>
    }
    /** The state directory, as far as this configuration needs it: the one that is open, or opened now. */
    readonly state: (config: Config) => Promise<Needed>
    /** Those who are in force now. */
    readonly knockers: () => readonly Knocker[]
    /** This configuration is in force, with these knockers. */
    readonly taken: (config: Config, knockers: readonly Knocker[]) => void
    /** Hears how it went. */
    readonly report: (report: Report) => void
}

/** How it went. `problems`: lines for people, the worst of a configuration or what is unwise about it. */
export type ReloadOutcome =
    | {
          readonly ok: true
          readonly changes: ConfigChanges & { readonly knockers: Changes }
          readonly ended: number
          readonly problems: readonly string[]
      }
    | {
          readonly ok: false
          readonly code: "configuration" | "firewall" | "failed"
          readonly problems: readonly string[]
      }

/**
 * Reads and takes over the configuration. `uids`: who asks for it, at least one; null: SIGHUP. Never throws; what failed
 * is told.
 */
export async function reloadOnce(keeping: ReloadKeeping, uids: readonly (number | null)[]): Promise<ReloadOutcome> {
    const [uid = null, ...others] = new Set(uids)
    const by = others.length === 0 ? { uid } : { uid, others }
    const outcome = await attempt(keeping)
    for (const problem of outcome.problems) keeping.log(outcome.ok ? "warning" : "error", problem)
    if (!outcome.ok) {
        const problems = outcome.problems.length
        keeping.report({ type: "reload", ...by, done: false, code: outcome.code, problems })
        return outcome
    }
    const { doors, hooks, knockers, gateway } = outcome.changes
    const { added, removed, changed, kept } = doors
    const counts = { added: added.length, removed: removed.length, changed: changed.length, kept }
    const besides = { hooks: other(hooks), knockers: other(knockers), gateway }
    keeping.report({ type: "reload", ...by, done: true, ...counts, ...besides, ended: outcome.ended })
    return outcome
}

/** How many are not as they were. */
function other({ added, removed, changed }: Changes): number {
    return added.length + removed.length + changed.length
}

async function attempt({ loop, read, state, knockers, taken }: ReloadKeeping): Promise<ReloadOutcome> {
    try {
        const reading = await readConfig(read.files(), {
            listening: null,
            running: loop.config.gateway,
            knockers: read.knockers,
        })
        if (!reading.ok) {
            const errors = reading.issues.filter(({ severity }) => severity === "error")
            return { ok: false, code: "configuration", problems: lines(errors) }
        }
        const { config } = reading
        const found = await state(config)
        if (!found.ok) return { ok: false, code: "failed", problems: [found.detail] }
        const changes = {
            ...configChanges(loop.config, config),
            knockers: knockerChanges(knockers(), reading.knockers),
        }
        const done = loop.reload(config, found.store)
        if (!done.ok) return { ok: false, code: done.code, problems: [done.detail] }
        taken(config, reading.knockers)
        const unwise = reading.issues.filter(({ severity }) => severity === "warning")
        const over = overfull(config, loop.standing.facts().leases)
        return { ok: true, changes, ended: done.ended, problems: [...lines(unwise), ...(over === null ? [] : [over])] }
    } catch (error) {
        return { ok: false, code: "failed", problems: [messageOf(error)] }
    }
}

function lines(issues: readonly Issue[]): string[] {
    const shown = issues.slice(0, PROBLEMS_MOST).map(formatIssue)
    const more = issues.length - shown.length
    return more > 0 ? [...shown, `and ${more} more: see postern check`] : shown
}
