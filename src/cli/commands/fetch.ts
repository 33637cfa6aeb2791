/** `postern fetch`: the bundle of a gateway, fetched and shown. */
import type { CliCommand } from "../../voice/command.ts"
import type { FetchOptions } from "../device/fetch.ts"

const EXAMPLES = `Examples:
  postern fetch gate                       how many sequences are left, and until when they are good
  postern fetch gate ssh --print           the next knock at the door "ssh", as lines to type
  postern fetch gate --file bundle.age     a bundle that came by another way
  postern fetch 'https://example.org/knock/#postern=1&…' --identity ~/key --print
                                           on a machine that is not enrolled
`

/** Adds a value to those before. */
export const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

export const fetch: CliCommand = {
    define(program, run) {
        program
            .command("fetch")
            .summary("fetches and shows the bundle of one-time sequences of a gateway")
            .description("Fetches the bundle of one-time sequences of a gateway, checks it, and shows what is in it.")
            .usage("[options] HOST|LINK [DOOR]")
            .argument("<HOST|LINK>", "a profile that `postern enroll` made, or an enrolment link")
            .argument("[DOOR]", "show this door alone")
            .addHelpText("before", EXAMPLES)
            .option("--print", "show the next knock at each door as lines to type; whoever reads them can use them")
            .option("--file <FILE>", "take the bundle from a file, or - for standard input, instead of fetching it")
            .option("--offline", "show the bundle that was fetched before")
            .option(
                "-i, --identity <FILE>",
                "a private key, for a link (default: as postern enroll; repeatable)",
                several,
            )
            .option("--decrypt-with <PROGRAM>", "let gpg or age decrypt, for a link")
            .option("-t, --timeout <TIME>", "how long fetching may take (default: 10s)")
            .option("--ignore-clock", "take a bundle whose time is over, because this clock is wrong")
            .option("--afresh", "go on although this device no longer knows which bundles it has seen")
            .option("--json", "as one JSON object; hits are in it with --print only")
            .option("-q, --quiet", "fetch and keep it, and say nothing but errors")
            .action((host: string, door: string | undefined, options: FetchOptions) =>
                run(async (terminal) => {
                    const { fetchAsAsked } = await import("../device/fetch.ts")
                    return fetchAsAsked(host, door ?? null, options, terminal)
                }),
            )
    },
}
