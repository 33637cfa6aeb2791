/** `postern log`: the audit trail. */
import type { AuditKind } from "../../core/audit/entry.ts"
import type { AuditFilter } from "../../core/audit/filter.ts"
import type { AuditQuery } from "../../ports/audit.ts"
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = {
    readonly door?: string
    readonly source?: string
    readonly knocker?: string
    readonly since?: string
    readonly until?: string
    readonly kind?: string
    readonly lines?: string
    readonly follow?: true
    readonly json?: true
    readonly state?: string
    readonly socket?: string
}

/** Who follows sees so many of the latest first. */
const FOLLOW_LINES = 10
/** Between two looks of who follows (ms). */
const EVERY_MS = 1000

const EXAMPLES = `Examples:
  postern log --since 1d --kind opened      who came in since yesterday?
  postern log --source 198.51.100.0/24      all about these addresses
  postern log -n 20 --follow                the latest, and what comes
  postern log --state /var/lib/postern      without a daemon
`

export const log: CliCommand = {
    define(program, run) {
        program
            .command("log")
            .summary("shows the audit trail: who was let in, when, and by what right")
            .description("Shows the audit trail, the oldest entry first: from the running daemon, or from its files.")
            .addHelpText("before", EXAMPLES)
            .option("--door <name>", "about this door alone")
            .option("--source <net>", "about an address, or a network such as 192.0.2.0/24")
            .option("--knocker <name>", "about who knocked with a one-time sequence of this knocker")
            .option("--since <when>", "from then on: a date, a date and time, or how long ago, such as 90m")
            .option("--until <when>", "before then")
            .option("--kind <kinds>", "such as opened,refused (postern-log(1) has all)")
            .option("-n, --lines <count>", "the latest so many")
            .option("-f, --follow", "go on with what comes, until Ctrl-C")
            .option("--json", "one JSON object a line")
            .option("--state <directory>", "read the files there, without the daemon")
            .option(...SOCKET)
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const filter = await readFilter(options, terminal)
    if (filter === null) return EXIT.usage
    const { lines, follow = false } = options
    if (lines !== undefined && !/^\d{1,9}$/.test(lines)) {
        terminal.error(`--lines ${lines}: not a number of entries`, "such as --lines 20")
        return EXIT.usage
    }
    const last = lines === undefined ? (follow ? FOLLOW_LINES : null) : Number(lines)
    const { sourceOf } = await import("../log/pages.ts")
    const { entryText } = await import("../texts/entries.ts")
    const { setTimeout: pause } = await import("node:timers/promises")
    const interrupted = new Promise<ExitCode>((resolve) => process.once("SIGINT", () => resolve(EXIT.interrupted)))
    const source = sourceOf(options, terminal)
    try {
        for (let query: AuditQuery = { after: 0, last, filter }; ; ) {
            const page = await Promise.race([source.read(query), interrupted])
            if (typeof page === "number") return page
            for (const entry of page.entries) {
                terminal.out(options.json === true ? JSON.stringify(entry) : entryText(entry))
            }
            // While nothing comes, what is missing at the end has been told.
            if (page.missing > 0 && (page.next > query.after || query.after === 0)) {
                const entries = page.missing === 1 ? "1 entry" : `${page.missing} entries`
                terminal.warn(`${entries} cannot be read: files are damaged, or of a later version`)
            }
            query = { after: page.next, last: null, filter }
            if (page.more) continue
            if (!follow) return EXIT.ok
            const over = await Promise.race([pause(EVERY_MS, null), interrupted])
            if (over !== null) return over
        }
    } finally {
        source.close()
    }
}

/** What the options let through; null after an error that has been told. */
async function readFilter(options: Options, terminal: Terminal): Promise<AuditFilter | null> {
    const { parseNetwork } = await import("../../core/net/address.ts")
    const { AUDIT_KINDS, isKind } = await import("../../core/audit/entry.ts")
    const { parseWhen } = await import("../log/when.ts")
    const { notNetwork } = await import("../texts/networks.ts")
    const source = options.source === undefined ? null : parseNetwork(options.source)
    if (options.source !== undefined && source === null) {
        terminal.error(...notNetwork(options.source))
        return null
    }
    const moments: Record<"since" | "until", number | null> = { since: null, until: null }
    for (const name of ["since", "until"] as const) {
        const text = options[name]
        if (text === undefined) continue
        moments[name] = parseWhen(text, Date.now())
        if (moments[name] !== null) continue
        terminal.error(`--${name} ${text}: not a moment`, 'such as 90m, 2d, 2026-03-01 or "2026-03-01 17:05"')
        return null
    }
    const words = options.kind?.split(",") ?? null
    const kinds: readonly AuditKind[] | null = words?.filter(isKind) ?? null
    const strange = words?.find((word) => !isKind(word))
    if (strange !== undefined) {
        terminal.error(`--kind ${strange}: there is no such kind`, `there are: ${AUDIT_KINDS.join(", ")}`)
        return null
    }
    return { ...moments, door: options.door ?? null, source, knocker: options.knocker ?? null, kinds }
}
