/** `postern scan`: looks at a host from outside, as an attacker would. */
import type { CliCommand } from "../../voice/command.ts"
import type { RawOptions } from "../scan/request.ts"

const EXAMPLES = `Examples:
  postern scan gate.example.org               does tcp/22 look like a port where nothing listens?
  postern scan 192.0.2.1 --port tcp/8443 -v   another port, and every probe that tells it by name
  postern scan 192.0.2.1 --port udp/51820     a UDP service
  postern scan 192.0.2.1 --timing --json      times, too, for a script
`

export const scan: CliCommand = {
    define(program, run) {
        program
            .command("scan")
            .summary("looks from outside whether a hidden port can be told from a closed one")
            .description(
                "Sends some 250 odd packets to a port of a host and to two closed ones, over both families, and tells " +
                    "every difference. From a host that has no grant, and as root.",
            )
            .usage("[options] HOST")
            .argument("<HOST>", "a host name or an address: not of this host")
            .addHelpText("before", EXAMPLES)
            .option("-p, --port <SERVICE>", "the hidden port (default: tcp/22)")
            .option("-c, --closed <SERVICES>", "two closed ports of the same protocol (default: looked for)")
            .option("-4, --ipv4", "by IPv4 only (default: both families, side by side)")
            .option("-6, --ipv6", "by IPv6 only")
            .option("--rounds <N>", "send each probe so often (default: 2)")
            .option("--wait <TIME>", "for answers to each (default: 25ms; a longer way is noticed)")
            .option("--no-spoof", "without probes that have the address of another host as their source")
            .option("--no-pace", "do not go slow for hosts that ration ICMP errors, as Linux does")
            .option("-t, --timing", "compare times, too: TCP, and a few thousand packets more")
            .option("--json", "what was found as one JSON object")
            .option("-v, --verbose", "name every probe that tells the port from closed ones, and in what")
            .action((host: string, options: RawOptions) =>
                run(async (terminal) => {
                    const { scanAsAsked } = await import("../scan/verb.ts")
                    return scanAsAsked(host, options, terminal)
                }),
            )
    },
}
