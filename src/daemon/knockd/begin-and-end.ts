/**
 * `On_Start` and `On_Stop`: commands for the beginning and the end of the daemon itself, such as a firewall that is shut
 * only while somebody is there to open it (spec/knockd.md, "Beginning and end"). One at a time, and never for long: who
 * waits for the daemon waits for them.
 */
import type { Room } from "../../adapters/commands/lanes.ts"
import { outcomeLines } from "../../core/knockd/lines.ts"
import { shellText } from "../../core/knockd/shell.ts"
import type { CommandOutcome, Commands } from "../../ports/commands.ts"

/** Ours: milliseconds that each may take before it is ended. */
const TIMES = { on_start: 30_000, on_stop: 10_000 } as const
const ONE = { running: 1, waiting: 1, groupRunning: 1, groupWaiting: 1 }

/** See the head of the file. */
export class BeginAndEnd {
    readonly #commands: (room: Room) => Commands
    readonly #tell: (...lines: readonly string[]) => void
    readonly #complain: (line: string) => void

    /**
     * `commands`: what runs those of doors, with room of its own; `tell`: lines for the log; `complain`: for who has
     * started us.
     */
    constructor(
        commands: (room: Room) => Commands,
        tell: (...lines: readonly string[]) => void,
        complain: (line: string) => void,
    ) {
        this.#commands = commands
        this.#tell = tell
        this.#complain = complain
    }

    /**
     * Runs a command by the shell, unless there is none, and tells how that went. Resolves when it has ended; a time that
     * is over, or `cancel`, ends it. Never rejects.
     */
    async run(name: keyof typeof TIMES, command: string | null, cancel?: Promise<unknown>): Promise<void> {
        if (command === null || command === "") return
        this.#tell(`${name}: running command: ${command}`, "")
        const commands = this.#commands(ONE)
        const ended = new Promise<CommandOutcome>((resolve) => {
            const argv = ["/bin/sh", "-c", shellText(command)]
            commands.run({ lane: name, argv, timeout: TIMES[name], output: () => {} }, resolve)
        })
        void cancel?.then(() => commands.stop())
        const lines = outcomeLines(name, await ended)
        this.#tell(...lines)
        for (const line of lines) this.#complain(line)
    }
}
