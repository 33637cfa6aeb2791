/** knockd's place taken, from the command line to the exit code (spec/knockd.md). */
import { systemdNotifier } from "../../adapters/notify/systemd.ts"
import { messageOf } from "../../core/thrown.ts"
import { goBehind, isBehind, takeName } from "./behind.ts"
import { bytesOf, textOf } from "./bytes.ts"
import { Knockd } from "./knockd.ts"
import { placesFrom } from "./places.ts"
import { read } from "./reading.ts"
import { HELP, readKnockdWords } from "./words.ts"

declare const POSTERN_VERSION: string

/** Runs it and returns the exit code, which is knockd's: the number of the signal that ended it, or 1. */
export async function knockd(argv: readonly string[]): Promise<number> {
    const reading = readKnockdWords(argv.map(textOf), process.env["POSIXLY_CORRECT"] !== undefined)
    if (reading.run === null) {
        for (const text of reading.mistakes) complain(`knockd: ${text}`)
        process.stdout.write(reading.show === "help" ? HELP : `knockd 0.8\nas done by Postern ${POSTERN_VERSION}\n`)
        return 0
    }
    const { run } = reading
    if (run.background && !isBehind()) return await goBehind(argv)
    const places = placesFrom(directory())
    const first = read(run, places)
    if (run.debug) for (const line of first.told) process.stdout.write(bytesOf(`${line}\n`))
    for (const line of first.warned) complain(line)
    if (first.conf === null) {
        complain(first.message)
        if (first.help) process.stdout.write(HELP)
        return 1
    }
    if (!run.dryRun) takeName(argv)
    // Its variables are not for commands.
    const notifier = systemdNotifier(process.env, process.pid)
    try {
        return await new Knockd(run, places, first.conf, notifier).live(first.spent)
    } catch (error) {
        complain(messageOf(error))
        return 1
    }
}

/** Where we are; one that is gone has nothing in it, but absolute paths are as good as ever. */
function directory(): string {
    try {
        return process.cwd()
    } catch {
        return "."
    }
}

/** Before there is an output. */
function complain(text: string): void {
    process.stderr.write(bytesOf(`${text}\n`))
}
