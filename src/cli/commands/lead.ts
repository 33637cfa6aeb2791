/** `postern lead`: makes a listener on loopback one that granted sources can be led to. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

type Options = { readonly off?: true; readonly follow?: true; readonly wait: string }

const EXAMPLES = `Examples:
  postern lead tcp/22                        after sshd has started with ListenAddress 127.0.0.1 and ::1
  postern lead tcp/22 --follow               again whenever it listens anew, as after a restart or reload
  systemctl enable --now postern-lead@tcp-22      the same as a service
  postern lead tcp/22 --off                  nobody is led to it any more
`

export const lead: CliCommand = {
    define(program, run) {
        program
            .command("lead")
            .summary("lets granted sources be led to a service that listens on loopback alone")
            .description(
                "Makes the sockets of a hidden service that listen on loopback transparent, so that those whom the daemon " +
                    "lets in are led to them. Everyone else finds a port where nothing listens. It holds as long as " +
                    "these sockets are open.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<service>", "such as tcp/22")
            .option("--follow", "go on looking, until a signal ends it")
            .option("--wait <time>", "how long the service may take until it listens", "5s")
            .option("--off", "take it back")
            .action((service: string, options: Options) => run((terminal) => act(service, options, terminal)))
    },
}

async function act(text: string, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { parseDuration, parseService } = await import("../../core/knock/language.ts")
    const [service, wait] = [parseService(text), parseDuration(options.wait)]
    if (!service.ok || service.value.protocol !== "tcp") {
        terminal.error(
            `${text}: ${service.ok ? "only TCP services can be led to" : "not a service"}`,
            "as in tcp/22; a UDP service is refused to strangers by the firewall",
        )
        return EXIT.usage
    }
    if (!wait.ok) {
        terminal.error(`--wait ${options.wait}: not a time`, "as in 5s or 1m30s")
        return EXIT.usage
    }
    if (options.follow === true && options.off === true) {
        terminal.error("--follow and --off: one of them", "end the one that follows first, then take it back")
        return EXIT.usage
    }
    const { follow, leadOnce } = await import("../lead/lead.ts")
    if (options.follow === true) return follow(service.value, terminal)
    return leadOnce(service.value, options.off !== true, wait.value, terminal)
}
