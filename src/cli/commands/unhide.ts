/** `postern unhide`: opens a hidden service to everyone, at once and for good. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly json?: true; readonly config?: string; readonly socket?: string }

const EXAMPLES = `Examples:
  postern unhide tcp/22                also from the console, and where no daemon runs
`

export const unhide: CliCommand = {
    define(program, run) {
        program
            .command("unhide")
            .summary("opens a hidden service to everyone again")
            .description(
                "Opens a hidden service to everyone: at once, with or without a running daemon, and for good, by a line in " +
                    "conf.d/hide.toml. A trial is ended.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<service>", "such as tcp/22")
            .option("-c, --config <file>", "the configuration (default: $POSTERN_CONFIG, or /etc/postern/postern.toml)")
            .option(...SOCKET)
            .option("--json", "one JSON object at the end")
            .action((service: string, options: Options) => run((terminal) => act(service, options, terminal)))
    },
}

async function act(text: string, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { serviceOf } = await import("../hide/words.ts")
    const service = serviceOf(text, terminal)
    if (service === null) return EXIT.usage
    const { open } = await import("../hide/unhide.ts")
    return open({ ...options, service }, terminal)
}
