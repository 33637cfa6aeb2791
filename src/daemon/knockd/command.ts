/**
 * `postern knockd`: the verb as the list of commands shows it. Its command line is not commander's: knockd's own rules
 * read it (src/main.ts turns to it before).
 */
import type { CliCommand } from "../../voice/command.ts"

/** The verb. */
export const knockdVerb: CliCommand = {
    define(program, run) {
        program
            .command("knockd")
            .summary("the daemon as knockd: same options, same configuration, same log")
            .usage("[options]")
            .argument("[words...]")
            .allowUnknownOption()
            .helpOption(false)
            .action((words: readonly string[]) =>
                run(async () => {
                    const { knockd } = await import("./main.ts")
                    return knockd(words)
                }),
            )
    },
}
