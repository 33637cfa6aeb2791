/** `postern grant`: opens a door by hand. */
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly socket?: string; readonly for?: string }

const EXAMPLES = `Examples:
  postern grant ssh 198.51.100.7               for as long as the door says
  postern grant ssh 2001:db8::7 --for 10m      for ten minutes from now
`

export const grant: CliCommand = {
    define(program, run) {
        program
            .command("grant")
            .summary("opens a door for a source, without a knock")
            .description("Opens a door of the running daemon for a source, by hand. The log says who did it.")
            .addHelpText("before", EXAMPLES)
            .argument("<door>", "the door's name")
            .argument("<source>", "an IPv4 or IPv6 address")
            .option("--for <time>", "how long, such as 10m, from now on (default: as the door says)")
            .option(...SOCKET)
            .action((door: string, source: string, options: Options) =>
                run((terminal) => act(door, source, options, terminal)),
            )
    },
}

async function act(door: string, text: string, options: Options, terminal: Terminal): Promise<ExitCode> {
    const { formatAddress, parseAddress, parseNetwork } = await import("../../core/net/address.ts")
    const { formatDuration, parseDuration } = await import("../../core/knock/language.ts")
    const { LIMITS } = await import("../../core/config/defaults.ts")
    const source = parseAddress(text)
    if (source === null) {
        const hint =
            parseAddress(door) !== null
                ? `the door comes first: postern grant ${text} ${door}`
                : parseNetwork(text) !== null
                  ? "name one address of it: `network` of the door says how much more is let in; who needs no knock belongs into `always`"
                  : "such as 198.51.100.7 or 2001:db8::7: names are not looked up"
        terminal.error(`${text}: not an IPv4 or IPv6 address (without prefix, port or zone)`, hint)
        return EXIT.usage
    }
    const time = options.for === undefined ? null : parseDuration(options.for)
    const [least, most] = LIMITS.for
    if (time !== null && !(time.ok && time.value >= least && time.value <= most)) {
        const range = `${formatDuration(least)} to ${formatDuration(most)}`
        terminal.error(`--for ${options.for}: not a time that a grant can have`, `such as 30s, 10m or 1h30m: ${range}`)
        return EXIT.usage
    }
    const { askOnce } = await import("../control/ask.ts")
    const answer = await askOnce(
        { ask: "grant", door, source, ms: time?.ok === true ? time.value : null },
        options.socket,
        terminal,
    )
    if (typeof answer === "number") return answer
    const { opens, ms } = answer
    const what = opens.length === 0 ? "its program was asked to run" : `${opens.join(", ")} for ${formatDuration(ms)}`
    terminal.say(`postern: ${door}: open to ${formatAddress(source)}: ${what}`)
    return EXIT.ok
}
