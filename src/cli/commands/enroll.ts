/** `postern enroll`: from an operator's link to a profile that can knock. */
import type { CliCommand } from "../../voice/command.ts"
import type { EnrollOptions } from "../device/enroll.ts"
import { several } from "./fetch.ts"

const EXAMPLES = `Examples:
  postern enroll 'https://example.org/knock/#postern=1&…' --name gate
                                     with the SSH key of this user, as the profile "gate"
  postern enroll link.txt --new      a key for this device alone; what it prints goes to the operator
  postern enroll - --identity key.asc
                                     the link from standard input, with an OpenPGP key
  postern enroll link.txt --decrypt-with gpg
                                     with the keys that gpg has, smartcards too
`

export const enroll: CliCommand = {
    define(program, run) {
        program
            .command("enroll")
            .summary("makes a profile from the link that an operator has given")
            .description(
                "Makes a profile from the link that an operator has given, and tries it. No private key leaves this device.",
            )
            .usage("[options] LINK|FILE|-")
            .argument(
                "<LINK|FILE>",
                "the link, in quotes because of its # and &; a file with it; or - for standard input",
            )
            .addHelpText("before", EXAMPLES)
            .option("-i, --identity <FILE>", "a private key: of age, OpenSSH or OpenPGP (repeatable)", several)
            .option("--new", "make a key for this device, if it has none yet")
            .option("--decrypt-with <PROGRAM>", "let gpg or age decrypt")
            .option("-n, --name <NAME>", "what the profile is called (default: the gateway's name)")
            .option("--replace", "in place of the profile of this name that is there")
            .option("--json", "the result as one JSON object")
            .action((link: string, options: EnrollOptions) =>
                run(async (terminal) => {
                    const { enrollAsAsked } = await import("../device/enroll.ts")
                    return enrollAsAsked(link, options, terminal)
                }),
            )
    },
}
