/** `postern user`: who gets one-time sequences. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT } from "../../voice/exit.ts"
import { SOCKET } from "../control/option.ts"

const EXAMPLES = `Examples:
  postern user add anna --key "ssh-ed25519 AAAA… anna@laptop"
  postern user add anna --key https://git.example.org/anna.keys --door ssh
  gpg --armor --export anna | postern user add anna --key -
  postern user add anna --more --key ~anna/.ssh/authorized_keys
  postern user link anna               what the device of this person needs to know, as a QR code too
  postern user list
  postern user show anna               keys, doors, files, and how many sequences are left
  postern user remove anna             from now on nothing opens for this person
`

/** What the command line says. */
export type UserOptions = {
    readonly key: readonly string[]
    readonly door: readonly string[]
    readonly more?: true
    readonly comment?: string
    readonly qr?: boolean
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

const VERBS = ["add", "list", "show", "link", "remove"] as const

export const user: CliCommand = {
    define(program, run) {
        program
            .command("user")
            .summary("adds, lists, shows and removes people who get one-time sequences")
            .description(
                "Adds, lists, shows and removes those who get one-time sequences, each a file with public keys in the " +
                    "directory `users` of [bundles], and has the running daemon take it over.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<what>", VERBS.join(", "))
            .argument("[name]", "the person or device")
            .option(
                "--key <key>",
                "add: a line, a file, - for standard input, or https://…; as often as needed",
                and,
                [],
            )
            .option(
                "--door <name>",
                "add: only this door, not all that have one-time sequences; as often as needed",
                and,
                [],
            )
            .option("--more", "add: further keys for somebody who is there already")
            .option("--comment <text>", "add: whatever you want to remember")
            .option("--qr", "link: as a QR code as well, also where that is not a terminal")
            .option("--no-qr", "link: no QR code")
            .option("-c, --config <file>", "the configuration (default: $POSTERN_CONFIG, or /etc/postern/postern.toml)")
            .option(...SOCKET)
            .option("--json", "one JSON object instead of lines")
            .action((what: string, name: string | undefined, options: UserOptions) =>
                run(async (terminal) => {
                    const usage = (text: string, hint: string) => {
                        terminal.error(text, hint)
                        return EXIT.usage
                    }
                    if (what !== "add" && (options.key.length > 0 || options.door.length > 0 || options.more === true))
                        return usage("--key, --door and --more are for add", "postern user --help shows what there is")
                    if (what === "list") {
                        if (name !== undefined)
                            return usage("list shows all of them", `one of them: postern user show ${name}`)
                        return (await import("../user/list.ts")).list(options, terminal)
                    }
                    if (!VERBS.some((verb) => verb === what))
                        return usage(`${what}: there is no such verb`, `there are ${VERBS.join(", ")}`)
                    const { isKnockerName } = await import("../../core/one-time/knocker.ts")
                    if (name === undefined) return usage("say who", `such as postern user ${what} anna`)
                    if (!isKnockerName(name)) {
                        return usage(
                            `${name}: not a name`,
                            "1 to 64 letters, digits, - _ or ., the first a letter or digit, and not unknown",
                        )
                    }
                    if (what === "add") return (await import("../user/add.ts")).add(name, options, terminal)
                    if (what === "link") return (await import("../user/link.ts")).link(name, options, terminal)
                    if (what === "remove") return (await import("../user/remove.ts")).remove(name, options, terminal)
                    return (await import("../user/show.ts")).show(name, options, terminal)
                }),
            )
    },
}

function and(value: string, before: readonly string[]): readonly string[] {
    return [...before, value]
}
