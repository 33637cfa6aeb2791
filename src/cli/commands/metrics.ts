/** `postern metrics`: what the running daemon counts and measures, as Prometheus reads it. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string }

const EXAMPLES = `Examples:
  postern metrics                      everything, in Prometheus' text format
  postern metrics | grep grants_open   how many are in, by door
`

export const metrics: CliCommand = {
    define(program, run) {
        program
            .command("metrics")
            .summary("prints counters and gauges of the running daemon for Prometheus")
            .description("Asks the running daemon for its metrics, in Prometheus' text exposition format.")
            .addHelpText("before", EXAMPLES)
            .option(...SOCKET)
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act({ socket }: Options, terminal: Terminal): Promise<ExitCode> {
    const { askOnce } = await import("../control/ask.ts")
    const answer = await askOnce({ ask: "metrics" }, socket, terminal)
    if (typeof answer === "number") return answer
    terminal.out(answer.text.trimEnd())
    return EXIT.ok
}
