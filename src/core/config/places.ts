/** Facts about one file to what is shown of them: with line and column, and a sentence. */
import { type Found, type Issue, isUnread, type Path, severityOf } from "./issues.ts"
import { locator } from "./positions.ts"
import { problemText } from "./texts.ts"

/**
 * The issues of a file, in the order of their places. `text`: its contents; null: there are none. `named`: how a path in
 * it is called.
 */
export async function issuesIn(
    file: string,
    text: string | null,
    found: readonly Omit<Found, "file">[],
    named: (path: Path) => string,
): Promise<Issue[]> {
    if (found.length === 0) return []
    const unplaced = found.some(({ problem }) => problem.code === "syntax" || isUnread(problem))
    // Finding places is what takes longest, so only where there is one to find.
    const placed = text !== null && !unplaced && found.some(({ path }) => path.length > 0)
    const locate = placed ? await locator(text) : () => ({ line: 1, column: 1 })
    const issues = found.map(({ path, key, problem }): Issue => {
        const { line, column } =
            problem.code === "syntax" ? problem : isUnread(problem) ? { line: 0, column: 0 } : locate(path, key)
        const message = problemText(problem)
        return { severity: severityOf(problem), code: problem.code, file, line, column, path: named(path), message }
    })
    return issues.sort((a, b) => a.line - b.line || a.column - b.column)
}
