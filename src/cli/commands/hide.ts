/** `postern hide`: hides a service, on trial first. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

/** What the command line says. */
type Options = {
    readonly for: string
    readonly wait: string
    readonly confirm?: true
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

const EXAMPLES = `Examples:
  postern hide tcp/22                  knock from outside, come in anew, say yes
  postern hide tcp/22 --for 5m         five minutes for that
  postern hide tcp/22 --confirm        from the new session, instead of saying yes in the old one
`

export const hide: CliCommand = {
    define(program, run) {
        program
            .command("hide")
            .summary("hides a service, and takes it back unless somebody comes in again")
            .description(
                "Hides a service from everyone without a grant. First it sees that a knock works, then it hides on trial: the " +
                    "kernel itself takes that back when the time is over, unless somebody has come in by a new connection and " +
                    "confirms it. Connections that are there live on.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<service>", "such as tcp/22")
            .option("--for <time>", "how long the trial lasts: 1s to 1h", "2m")
            .option("--wait <time>", "how long a knock from outside is waited for", "5m")
            .option("--confirm", "the trial has shown that one comes in: hide it for good")
            .option("-c, --config <file>", "the configuration (default: $POSTERN_CONFIG, or /etc/postern/postern.toml)")
            .option(...SOCKET)
            .option("--json", "one JSON object at the end")
            .action((service: string, options: Options) => run((terminal) => act(service, options, terminal)))
    },
}

async function act(text: string, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { parseDuration } = await import("../../core/knock/language.ts")
    const { LIMITS } = await import("../../core/config/defaults.ts")
    const { serviceOf } = await import("../hide/words.ts")
    const service = serviceOf(text, terminal)
    if (service === null) return EXIT.usage
    const [time, wait] = [parseDuration(options.for), parseDuration(options.wait)]
    const [least, most] = LIMITS.trial
    if (!time.ok || time.value < least || time.value > most) {
        terminal.error(`--for ${options.for}: not a time that a trial can have`, "such as 2m or 10m: 1s to 1h")
        return EXIT.usage
    }
    if (!wait.ok) {
        terminal.error(`--wait ${options.wait}: not a time`, "such as 5m or 1m30s")
        return EXIT.usage
    }
    const { confirm, hideOnTrial } = await import("../hide/hide.ts")
    const asked = { ...options, service, ms: time.value, wait: wait.value }
    return options.confirm === true ? confirm(asked, terminal) : hideOnTrial(asked, terminal)
}
