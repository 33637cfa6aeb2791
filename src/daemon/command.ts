/** `postern run`: the daemon, in the foreground. Loaded in full only when it is asked for. */
import { Option } from "commander"
import type { CliCommand } from "../voice/command.ts"
import { outliveReader } from "../voice/terminal.ts"

const EXAMPLES = `
Examples:
  postern run                        with /etc/postern/postern.toml
  postern run -c ./postern.toml      with another file
  postern check && postern run       look at the configuration first
`

export const run: CliCommand = {
    define: (program, act) => {
        program
            .command("run")
            .summary("runs the daemon, in the foreground")
            .description("Watches the network for knocks and opens doors. Runs in the foreground; SIGTERM ends it.")
            .option("-c, --config <file>", "default: $POSTERN_CONFIG, or /etc/postern/postern.toml")
            .addOption(
                new Option("--log <form>", "how lines of the log look")
                    .choices(["auto", "plain", "journal", "json"])
                    .default("auto", "auto: journal under journald, else plain"),
            )
            .addOption(
                new Option("--log-level <level>", "leave out what matters less")
                    .choices(["error", "warning", "notice", "info", "debug"])
                    .default("info"),
            )
            .option("--socket <file>", "where to be asked (default: $POSTERN_SOCKET, or the configuration's)")
            .addHelpText("before", EXAMPLES.trimStart())
            .action((options: RunOptions) =>
                act(async (terminal) => {
                    const { runDaemon } = await import("./main.ts")
                    outliveReader()
                    return runDaemon(options, terminal)
                }),
            )
    },
}

/** What the command line asks for. */
export type RunOptions = {
    readonly config?: string
    readonly socket?: string
    readonly log: "auto" | "plain" | "journal" | "json"
    readonly logLevel: "error" | "warning" | "notice" | "info" | "debug"
}
