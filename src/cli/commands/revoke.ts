/** `postern revoke`: ends grants by hand. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly door?: string; readonly knocker?: string; readonly all?: true }

const EXAMPLES = `Examples:
  postern revoke 198.51.100.7          everything that is open to this address
  postern revoke 2001:db8::/64         and to a whole network
  postern revoke --door ssh            everybody, at one door
  postern revoke --knocker anna        what her one-time sequences have opened
  postern revoke --all                 everybody, at every door
`

export const revoke: CliCommand = {
    define(program, run) {
        program
            .command("revoke")
            .summary("ends grants before their time")
            .description(
                "Ends grants of the running daemon, by hand: no new connection begins from now on. Those that have " +
                    "begun live on. The log says who did it.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("[source]", "an address, or a network such as 192.0.2.0/24")
            .option("--door <name>", "at this door alone")
            .option("--knocker <name>", "only what this knocker's one-time sequences have opened")
            .option("--all", "everything, everywhere")
            .option(...SOCKET)
            .action((source: string | undefined, options: Options) => run((terminal) => act(source, options, terminal)))
    },
}

async function act(text: string | undefined, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { door = null, knocker = null, all = false } = options
    if (all === (text !== undefined || door !== null || knocker !== null)) {
        terminal.error(
            "say what to end: SOURCE, --door, --knocker, some of them, or --all alone",
            "postern status shows who is in",
        )
        return EXIT.usage
    }
    const { parseNetwork } = await import("../../core/net/address.ts")
    const { notNetwork } = await import("../texts/networks.ts")
    const source = text === undefined ? null : parseNetwork(text)
    if (text !== undefined && source === null) {
        const [what, hint] = notNetwork(text)
        terminal.error(what, isDoorName(text) ? `the door of this name: postern revoke --door ${text}` : hint)
        return EXIT.usage
    }
    const { askOnce } = await import("../control/ask.ts")
    const answer = await askOnce({ ask: "revoke", door, source, knocker }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { grants, orphans } = answer
    const more = orphans === 0 ? "" : `, and took back ${orphans} that no door had opened`
    terminal.say(`postern: ended ${grants === 0 ? "no grant" : grants === 1 ? "1 grant" : `${grants} grants`}${more}`)
    return EXIT.ok
}

/** Rather a door's name than an address that was mistyped? */
function isDoorName(text: string): boolean {
    return /^[a-z][\w.-]*$/i.test(text)
}
