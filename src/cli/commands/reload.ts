/** `postern reload`: the running daemon reads its configuration again. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly json?: true }

const EXAMPLES = `Examples:
  postern reload                       the daemon goes on with the configuration as it is now
  postern check && postern reload      look at it first
  postern reload --json | jq '.changed'
`

export const reload: CliCommand = {
    define(program, run) {
        program
            .command("reload")
            .summary("makes the running daemon read its configuration again")
            .description(
                "Makes the running daemon read its configuration again, all or nothing: with one error nothing " +
                    "changes. Attempts and grants of doors that stay go on. Exit status 3 if there is an error.",
            )
            .addHelpText("before", EXAMPLES)
            .option(...SOCKET)
            .option("--json", "one JSON object instead of lines")
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const { askOnce } = await import("../control/ask.ts")
    const { reloadLines } = await import("../texts/control.ts")
    const answer = await askOnce({ ask: "reload" }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { added, removed, changed, totals, hooks, gateway, ended, warnings } = answer
    if (options.json === true) {
        terminal.out(JSON.stringify({ version: 1, added, removed, changed, totals, hooks, gateway, ended, warnings }))
        return EXIT.ok
    }
    for (const warning of warnings) terminal.say(warning)
    for (const line of reloadLines(answer)) terminal.out(line)
    return EXIT.ok
}
