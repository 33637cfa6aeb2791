/** `postern state`: how the journal and the audit trail are, and the operator's word on what may be trusted. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly json?: true; readonly trustFrom?: string }

const EXAMPLES = `Examples:
  postern state                        is anything wrong with what the daemon keeps?
  postern state --trust-from now       after a backup was put back: refuse what is older
  postern state --trust-from 2026-03-01
`

export const state: CliCommand = {
    define(program, run) {
        program
            .command("state")
            .summary("shows how the journal and the audit trail are")
            .description(
                "Shows what the running daemon keeps in its directory `state`, and in what condition. With --trust-from: " +
                    "decides from when on one-time things that are not known to be used may be used.",
            )
            .addHelpText("before", EXAMPLES)
            .option("--trust-from <when>", "a date, a date and time, how long ago, such as 90m, or now")
            .option("--json", "one JSON object instead of lines")
            .option(...SOCKET)
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const { daemonAt } = await import("../control/ask.ts")
    const { stateLines } = await import("../texts/state.ts")
    const since = options.trustFrom === undefined ? null : await momentOf(options.trustFrom, terminal)
    if (typeof since === "string") return EXIT.usage
    const daemon = daemonAt(options.socket, terminal)
    try {
        if (since !== null) {
            const answer = await daemon.ask({ ask: "trust", since })
            if (typeof answer === "number") return answer
            if (since < answer.before) {
                terminal.warn(
                    "what was used before and is not known to be used can be used once more from now on",
                    "make new secrets for those who may have been listened to",
                )
            }
        }
        const answer = await daemon.ask({ ask: "status" })
        if (typeof answer === "number") return answer
        if (options.json === true) terminal.out(JSON.stringify({ version: 1, ...answer.status.state }))
        else for (const line of stateLines(answer.status.state)) terminal.out(line)
        return EXIT.ok
    } finally {
        daemon.close()
    }
}

/** The moment, or `wrong` after an error that has been told. Nobody can decide about the future. */
async function momentOf(text: string, terminal: Terminal): Promise<number | "wrong"> {
    const { parseWhen } = await import("../log/when.ts")
    const now = Date.now()
    const moment = parseWhen(text, now)
    if (moment !== null && moment <= now) return moment
    terminal.error(
        `--trust-from ${text}: not a moment of the past`,
        'such as now, 90m, 2026-03-01 or "2026-03-01 17:05"',
    )
    return "wrong"
}
