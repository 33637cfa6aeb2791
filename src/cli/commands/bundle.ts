/** `postern bundle`: what is published for knockers, now and anew. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT } from "../../voice/exit.ts"
import { SOCKET } from "../control/option.ts"

const EXAMPLES = `Examples:
  postern bundle show anna             what is in the bundle of anna: how many sequences are left, and where it is
  postern bundle show anna --secret    the text itself, to be handed over in another way
  postern bundle publish               make all of them anew, now
  postern bundle rotate anna           other sequences for anna: those in old bundles open nothing any more
  postern bundle rotate --gateway-key  sign with a new key; the old one goes on for 90 days
`

/** What the command line says. */
export type BundleOptions = {
    readonly secret?: true
    readonly gatewayKey?: true
    readonly grace?: string
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

export const bundle: CliCommand = {
    define(program, run) {
        program
            .command("bundle")
            .summary("shows, publishes and renews the bundles of one-time sequences")
            .description(
                "Shows what is published for a knocker, publishes all bundles now, and makes sequences or the gateway's " +
                    "signing key anew.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<what>", "show, publish or rotate")
            .argument("[name]", "the knocker")
            .option("--secret", "show: the whole text; whoever reads it can knock, and the audit trail says who asked")
            .option("--gateway-key", "rotate: the key that signs all bundles")
            .option(
                "--grace <time>",
                "rotate: how long the old key signs beside the new one (default: 90d; 0s: it was stolen)",
            )
            .option("-c, --config <file>", "the configuration (default: $POSTERN_CONFIG, or /etc/postern/postern.toml)")
            .option(...SOCKET)
            .option("--json", "one JSON object instead of lines")
            .action((what: string, name: string | undefined, options: BundleOptions) =>
                run(async (terminal) => {
                    const verbs = await import("../bundle/verbs.ts")
                    if (what === "show" && name !== undefined) return verbs.show(name, options, terminal)
                    if (what === "publish" && name === undefined) return verbs.publish(options, terminal)
                    if (what === "rotate" && (name === undefined) === (options.gatewayKey === true))
                        return name === undefined
                            ? verbs.rotateKey(options, terminal)
                            : verbs.rotate(name, options, terminal)
                    terminal.error(
                        what === "rotate"
                            ? "say whose sequences, or --gateway-key"
                            : "say what to do: show NAME, publish or rotate NAME",
                        "postern bundle --help shows what there is",
                    )
                    return EXIT.usage
                }),
            )
    },
}
