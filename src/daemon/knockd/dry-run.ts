/**
 * A run that changes nothing, beside a knockd that goes on with its work: knocks are recognised and told, no command is
 * run, and what is used of files of one-time sequences is remembered here instead of being marked there.
 */
import type { Marking } from "../../adapters/config/one-time.ts"
import type { Hit } from "../../core/knock/hit.ts"
import { readOneTimeFile, USED } from "../../core/knockd/one-time.ts"
import { sequenceText } from "../../core/knockd/sequence.ts"
import type { Commands } from "../../ports/commands.ts"

/** Said before anything else. */
export const DRY_RUN = "dry run: no command is run, no sequence is marked as used, nothing is written"

/** Each command ends well, at once. */
export function idleCommands(): Commands {
    return {
        run(_job, done) {
            setImmediate(() => done({ ended: "exit", code: 0 }))
            return true
        },
        load: () => ({ running: 0, waiting: 0 }),
        stop: () => Promise.resolve(),
        leave: () => {},
    }
}

/** What a line says that would be true otherwise. */
export function dryLine(line: string): string {
    return line.replace(": running command: ", ": would run command: ")
}

/** Files of one-time sequences as they would be. */
export class DryFiles {
    readonly #used = new Map<string, Set<string>>()

    /** In the place of marking it there. */
    readonly mark = (path: string, hits: readonly Hit[]): Marking => {
        const used = this.#used.get(path) ?? new Set()
        this.#used.set(path, used.add(sequenceText(hits)))
        return { ok: true }
    }

    /** The file's text with what was marked here. */
    text(path: string, text: string): string {
        const used = this.#used.get(path)
        const lines = readOneTimeFile(text).unused.filter(({ hits }) => used?.has(sequenceText(hits)))
        return lines.reduce((all, { at }) => `${all.slice(0, at)}${USED}${all.slice(at + 1)}`, text)
    }
}
