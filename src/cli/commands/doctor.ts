/** `postern doctor`: what is wrong or unsafe on this host, and how to mend it. */
import type { Diagnosis } from "../../core/doctor/examine.ts"
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { SOCKET } from "../control/option.ts"

type Options = { readonly config?: string; readonly socket?: string; readonly json?: true }

const EXAMPLES = `Examples:
  postern doctor                       is anything wrong here, and how is it mended?
  postern doctor --json | jq -r '.findings[].commands[]'
`

export const doctor: CliCommand = {
    define(program, run) {
        program
            .command("doctor")
            .summary("shows what is wrong or unsafe on this host, and how to mend it")
            .description(
                "Looks at this host, its services, firewalls, clock and files, and at the running daemon, and changes " +
                    "nothing. Exit status 1 if anything is broken or unsafe.",
            )
            .addHelpText("before", EXAMPLES)
            .option("-c, --config <file>", "default: $POSTERN_CONFIG, or /etc/postern/postern.toml")
            .option(...SOCKET)
            .option("--json", "one JSON object instead of lines")
            .action((options: Options) => run((terminal) => act(options, terminal)))
    },
}

async function act(options: Options, terminal: Terminal): Promise<ExitCode> {
    const { configFile } = await import("../../adapters/config/files.ts")
    const { examine } = await import("../../core/doctor/examine.ts")
    const { look } = await import("../doctor/look.ts")
    const socket = options.socket ?? (terminal.env["POSTERN_SOCKET"] || undefined)
    const facts = await look({ file: configFile(options.config, terminal.env), socket })
    const diagnosis = examine(facts)
    const bad = diagnosis.findings.some(({ severity }) => severity !== "note")
    const unread = diagnosis.unseen.some(({ what }) => what === "the configuration")
    const code = bad ? EXIT.failed : unread ? EXIT.permission : EXIT.ok
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, ok: !bad, ...diagnosis }))
    else await print(diagnosis, terminal)
    return code
}

async function print(diagnosis: Diagnosis, terminal: Terminal): Promise<void> {
    const { diagnosisText, findingLines } = await import("../texts/doctor.ts")
    const { colour } = terminal
    const paints = { broken: colour.red, unsafe: colour.yellow, note: (text: string) => text }
    for (const found of diagnosis.findings) {
        const [first, ...more] = findingLines(found)
        terminal.out(first!, paints[found.severity])
        for (const line of more) terminal.out(line)
    }
    for (const { what, why } of diagnosis.unseen) terminal.say(`postern: not seen: ${what}: ${why}`)
    terminal.say(`postern: ${diagnosisText(diagnosis)}`)
}
