/** `postern watch`: how things stand, every second, until Ctrl-C. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly json?: true }

/** Between two looks (ms). */
const EVERY_MS = 1000

const EXAMPLES = `Examples:
  postern watch                        leave it open while somebody knocks
  postern watch --json > day.jsonl     a line every second
`

export const watch: CliCommand = {
    define(program, run) {
        program
            .command("watch")
            .summary("shows the same as status, live")
            .description("Shows how things stand, every second, until Ctrl-C or the end of the daemon.")
            .addHelpText("before", EXAMPLES)
            .option(...SOCKET)
            .option("--json", "a line with a JSON object each time")
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const { daemonAt } = await import("../control/ask.ts")
    const { statusLines } = await import("../texts/status.ts")
    const { setTimeout: pause } = await import("node:timers/promises")
    const interrupted = new Promise<ExitCode>((resolve) => process.once("SIGINT", () => resolve(EXIT.interrupted)))
    const daemon = daemonAt(options.socket, terminal)
    try {
        for (;;) {
            const answer = await Promise.race([daemon.ask({ ask: "status" }), interrupted])
            if (typeof answer === "number") return answer
            if (options.json === true) terminal.out(JSON.stringify({ version: 1, ...answer.status }))
            else terminal.redraw(statusLines(answer.status))
            const over = await Promise.race([pause(EVERY_MS, null), interrupted])
            if (over !== null) return over
        }
    } finally {
        daemon.close()
    }
}
