/**
 * `postern knock-compat`: the verb as the list of commands shows it. Its command line is not commander's: knock's own
 * rules read it (src/main.ts turns to it before).
 */
import type { CliCommand } from "../../voice/command.ts"

/** The verb. */
export const knockCompat: CliCommand = {
    define(program, run) {
        program
            .command("knock-compat")
            .summary("knocks as the client of knockd does: same arguments, same output")
            .usage("[options] HOST PORT[:PROTO] ...")
            .argument("[words...]")
            .allowUnknownOption()
            .helpOption(false)
            .action((words: readonly string[]) =>
                run(async () => {
                    const { knockCompat } = await import("../knock-compat/verb.ts")
                    return knockCompat(words)
                }),
            )
    },
}
