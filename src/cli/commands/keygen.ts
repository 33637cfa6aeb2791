/** `postern keygen`: a key of this device, for bundles. */
import { Option } from "commander"
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

type Options = { readonly pq?: true }

const EXAMPLES = `Examples:
  postern keygen                       a key of this device; the line it prints is for the operator
  postern keygen work.txt --pq         one that withstands quantum computers, too
`

export const keygen: CliCommand = {
    define(program, run) {
        program
            .command("keygen")
            .summary("makes a key for this device, and prints the part that the operator needs")
            .description(
                "Makes a key of age for this device and writes it to a file that only its owner can read. Prints the public " +
                    "key, which is no secret: `postern user add NAME --key …` on the gateway wants it. A file that is " +
                    "there is never replaced.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("[file]", "where to; default: postern/identity.txt in $XDG_CONFIG_HOME or ~/.config")
            .addOption(new Option("--pq", "a hybrid with ML-KEM-768: longer, and read by age 1.3 or later alone"))
            .action((file: string | undefined, options: Options) => run((terminal) => act(file, options, terminal)))
    },
}

async function act(given: string | undefined, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { makeKey } = await import("../key/make.ts")
    const file = given ?? (await defaultFile())
    const made = await makeKey(file, options.pq === true ? "age-pq" : "age", new Date())
    if (made.ok) {
        terminal.out(made.recipient)
        return EXIT.ok
    }
    if (made.code === "EEXIST") {
        terminal.error(`${file}: is there already`, "a key is never replaced: name another file, or move this one away")
        return EXIT.failed
    }
    const { isDenied, systemText } = await import("../texts/system.ts")
    terminal.error(`${file}: cannot be written: ${systemText(made.code)}`, "another file can be named")
    return isDenied(made.code) ? EXIT.permission : EXIT.failed
}

async function defaultFile(): Promise<string> {
    const { deviceKeyFile } = await import("../device/folders.ts")
    return deviceKeyFile(process.env)
}
