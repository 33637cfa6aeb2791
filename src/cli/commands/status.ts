/** `postern status`: how things stand, once. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly json?: true }

const EXAMPLES = `Examples:
  postern status                       who is in, who is knocking, and is anything wrong?
  postern status --json | jq -r '.grants[].source'
`

export const status: CliCommand = {
    define(program, run) {
        program
            .command("status")
            .summary("shows doors, attempts, grants and warnings of the running daemon")
            .description("Asks the running daemon how things stand: doors, live attempts, grants, counters, warnings.")
            .addHelpText("before", EXAMPLES)
            .option(...SOCKET)
            .option("--json", "one JSON object instead of lines")
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const { askOnce } = await import("../control/ask.ts")
    const { statusLines } = await import("../texts/status.ts")
    const answer = await askOnce({ ask: "status" }, options.socket, terminal)
    if (typeof answer === "number") return answer
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, ...answer.status }))
    else for (const line of statusLines(answer.status)) terminal.out(line)
    return EXIT.ok
}
