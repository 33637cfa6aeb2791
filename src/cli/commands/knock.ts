/** `postern knock`: the client, for fixed sequences and for one-time ones. */
import type { Command } from "commander"
import type { CliCommand } from "../../voice/command.ts"
import type { RawOptions } from "../knock/request.ts"
import { KNOCK_EXAMPLES, KNOCK_NOTES } from "../texts/knock-help.ts"

/** The verb. What it does is loaded when it is used. */
export const knock: CliCommand = {
    define(program: Command, run) {
        program
            .command("knock")
            .summary("knocks at a door of a host, and waits until it opens")
            .description("Knocks at a door of a host, and waits until it opens.")
            .usage("[options] HOST [DOOR | HIT...]")
            .argument("<HOST>", "a host name, an address, or the name of a profile")
            .argument("[DOOR|HIT...]", "a door of the profile, or hits: PORT, PORT:udp, icmp:SIZE")
            .addHelpText("before", KNOCK_EXAMPLES)
            .option("-4, --ipv4", "by IPv4 only (default: both families, side by side)")
            .option("-6, --ipv6", "by IPv6 only")
            .option(
                "-w, --wait <SERVICE>",
                "wait until this TCP service answers, such as tcp/22 (default: the profile's)",
            )
            .option("--no-wait", "send and be done, whatever the profile says")
            .option("-t, --timeout <TIME>", "how long to wait after each knock (default: 5s)")
            .option("-r, --retries <N>", "knock again so often if the service does not answer (default: 2)")
            .option("-d, --delay <TIME>", "between two hits; too short, and they overtake each other (default: 100ms)")
            .option("-f, --force", "knock even if the service answers already, so that a grant is renewed")
            .option("--source <ADDRESS>", "send from this address")
            .option("--source-port <PORT>", "send TCP and UDP hits from this port")
            .option("-i, --interface <NAME>", "send by this network interface")
            .option("--flags <FLAGS>", "TCP flags of the hits, such as fin,psh (default: syn; others need CAP_NET_RAW)")
            .option("-p, --profile <NAME>", "use this profile: a name, or a path")
            .option("--hits-file <FILE>", "take the hits from a file of mode 600, or - for standard input")
            .option("--offline", "one-time sequences: fetch nothing, use the bundle that was fetched before")
            .option(
                "--ignore-clock",
                "one-time sequences: use a bundle whose time is over, because this clock is wrong",
            )
            .option("-n, --dry-run", "show what would be sent, and send nothing")
            .option("--json", "the result as one JSON object")
            .option("-q, --quiet", "say nothing but errors")
            .option("-v, --verbose", "name each hit")
            .addHelpText("after", KNOCK_NOTES)
            .action((host: string, operands: readonly string[], options: RawOptions) =>
                run(async (terminal) => {
                    const { knockAsAsked } = await import("../knock/verb.ts")
                    return knockAsAsked(host, operands, options, terminal)
                }),
            )
    },
}
