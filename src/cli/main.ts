/** The command line: one program, one verb per file. Only this file and `src/main.ts` know how a process ends. */
import { Command, CommanderError } from "commander"
import type { CliCommand, Run } from "../voice/command.ts"
import { EXIT } from "../voice/exit.ts"
import { printable } from "../voice/printable.ts"
import { endWithReader, processTerminal } from "../voice/terminal.ts"
import { bundle } from "./commands/bundle.ts"
import { check } from "./commands/check.ts"
import { doctor } from "./commands/doctor.ts"
import { enroll } from "./commands/enroll.ts"
import { fetch } from "./commands/fetch.ts"
import { grant } from "./commands/grant.ts"
import { hide } from "./commands/hide.ts"
import { importing } from "./commands/import.ts"
import { keygen } from "./commands/keygen.ts"
import { knock } from "./commands/knock.ts"
import { knockCompat } from "./commands/knock-compat.ts"
import { lead } from "./commands/lead.ts"
import { log } from "./commands/log.ts"
import { metrics } from "./commands/metrics.ts"
import { reload } from "./commands/reload.ts"
import { revoke } from "./commands/revoke.ts"
import { scan } from "./commands/scan.ts"
import { state } from "./commands/state.ts"
import { status } from "./commands/status.ts"
import { unhide } from "./commands/unhide.ts"
import { user } from "./commands/user.ts"
import { watch } from "./commands/watch.ts"

declare const POSTERN_VERSION: string

const EXAMPLES = `Examples:
  postern check                    is /etc/postern/postern.toml as it should be?
  postern run                      the daemon, in the foreground
  postern knock gate ssh           knock at the door "ssh" of the profile "gate"
  postern status                   what is open, for whom, and for how long
`

/** Runs one command line (without node and script) and returns its exit code. `extra`: verbs of other shells. */
export async function main(args: readonly string[], extra: readonly CliCommand[]): Promise<number> {
    endWithReader()
    let code: number = EXIT.ok
    const program = programOf(extra, async (act) => {
        const terminal = processTerminal(program.opts<{ color: boolean }>().color)
        code = await act(terminal)
    })
    try {
        await program.parseAsync(args, { from: "user" })
    } catch (error) {
        if (!(error instanceof CommanderError)) throw error
        // --help and --version also arrive here, with 0; no command at all is a usage error with the help text.
        return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    }
    return code
}

/** Every verb with its options. `run`: how one is run once its words are read. */
export function programOf(extra: readonly CliCommand[], run: Run): Command {
    const program = new Command("postern")
        .description("Port knocking: the services of a host stay hidden until the right knock.")
        .addHelpText("before", EXAMPLES)
        .version(POSTERN_VERSION, "-V, --version")
        .option("--no-color", "no colours")
        .showSuggestionAfterError()
        .showHelpAfterError("postern: hint: postern --help shows what there is")
        .exitOverride()
        .configureOutput({ outputError: (text, write) => write(printable(usageText(text))) })
    for (const command of [
        ...extra,
        status,
        watch,
        metrics,
        log,
        grant,
        revoke,
        hide,
        unhide,
        reload,
        lead,
        scan,
        state,
        check,
        doctor,
        importing,
        user,
        bundle,
        keygen,
        enroll,
        fetch,
        knock,
        knockCompat,
    ])
        command.define(program, run)
    for (const command of program.commands) {
        command.exitOverride().showSuggestionAfterError()
        command.showHelpAfterError(`postern: hint: postern ${command.name()} --help shows what there is`)
        command.configureOutput(program.configureOutput())
    }
    return program
}

/** What commander says of a wrong command line, in the form of all other errors. */
function usageText(text: string): string {
    const hinted = text.trimStart().replace(/^\(Did you mean (.*)\)$/m, "postern: hint: did you mean $1")
    return `postern: ${hinted}`
}
