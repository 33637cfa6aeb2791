/** Files that root has read, and the daemon, which is somebody else, will not: then it would not start. */
import { readdirSync } from "node:fs"
import { dirname, isAbsolute, join, resolve } from "node:path"
import { unreadableTo } from "../../adapters/commands/rights.ts"
import type { Config } from "../../core/config/config.ts"
import { MAX_PROBLEMS } from "../../core/config/defaults.ts"
import type { Issue } from "../../core/config/issues.ts"
import type { ConfigFile } from "../../core/config/parse.ts"
import { issuesIn } from "../../core/config/places.ts"

/** Those of the configuration (`path`: its main file), of its knockers and of its state, with a warning for each. */
export async function unreadFiles(
    path: string,
    files: readonly ConfigFile[],
    { gateway, bundles }: Config,
): Promise<readonly Issue[]> {
    const users = bundles?.users ?? null
    const knockers = users === null ? [] : inside(isAbsolute(users) ? users : join(dirname(path), users))
    const all = [
        ...files.map(({ file }) => file),
        ...knockers.filter((file) => file.endsWith(".toml")),
        ...inside(gateway.state),
    ]
    const unread = new Set(
        unreadableTo(
            all.map((file) => resolve(file)),
            gateway.state,
        ),
    )
    const found = all.filter((file) => unread.has(resolve(file))).slice(0, MAX_PROBLEMS)
    const issues = await Promise.all(found.map((file) => issuesIn(file, null, [PROBLEM], () => "")))
    // Of the file as a whole.
    return issues.flat().map((issue) => ({ ...issue, line: 0, column: 0 }))
}

const PROBLEM = { path: [], problem: { code: "not-readable" } } as const

/** The names in a directory; none where it is not there. */
function inside(folder: string): readonly string[] {
    try {
        return readdirSync(folder).map((name) => join(folder, name))
    } catch {
        return []
    }
}
