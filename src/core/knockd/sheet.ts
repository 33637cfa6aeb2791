/** Problems of a knockd.conf as they are found, made the list that people read. */
import { type KnockdIssue, type KnockdProblem, knockdCodeOf, knockdSeverityOf } from "./problems.ts"
import { knockdText } from "./texts.ts"

/** Ours: nobody reads more. */
const ISSUES_MOST = 1000

/** A problem and where it is. `lines`: of the file, where they are known; `line`: from 1, 0 for all of it. */
type Entry = {
    readonly file: string
    readonly lines?: readonly string[]
    readonly line: number
    readonly path: string
    readonly problem: KnockdProblem
}

/** Issues as they come, each once. */
export class Sheet {
    readonly #issues: KnockdIssue[] = []
    readonly #seen = new Set<string>()

    /** One more, unless it is there already, or there are more than are shown. */
    add({ file, lines = [], line, path, problem }: Entry): void {
        // More than are shown: nobody waits for them.
        if (this.#issues.length > 4 * ISSUES_MOST) return
        const message = knockdText(problem)
        const identity = JSON.stringify([file, line, path, message])
        // Doors that share a file have its problems in common.
        if (this.#seen.has(identity)) return
        this.#seen.add(identity)
        const column = line === 0 ? 0 : (lines[line - 1] ?? "").search(/[^\t-\r ]/) + 1 || 1
        this.#issues.push({
            severity: knockdSeverityOf(problem),
            code: knockdCodeOf(problem),
            file,
            line,
            column,
            path,
            message,
        })
    }

    /** In the order of their places, `first` before other files; errors alone where there are too many. */
    sorted(first: string): readonly KnockdIssue[] {
        const all = this.#issues.toSorted(
            (a, b) =>
                Number(a.file !== first) - Number(b.file !== first) ||
                (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
                a.line - b.line ||
                a.column - b.column,
        )
        if (all.length <= ISSUES_MOST) return all
        const errors = all.filter(({ severity }) => severity === "error")
        const shown = (errors.length > 0 ? errors : all).slice(0, ISSUES_MOST)
        const problem = { code: "too-many-doubts", most: ISSUES_MOST } as const
        const severity = knockdSeverityOf(problem)
        const message = knockdText(problem)
        return [...shown, { severity, code: problem.code, file: first, line: 1, column: 1, path: "", message }]
    }
}
