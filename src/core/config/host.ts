/**
 * What a configuration names of its host and the host does not have: programs, the group of the control socket, directories
 * and files that the daemon publishes with, and the right to use them.
 */
import { GATEWAY } from "./defaults.ts"
import type { Doubt, Found, Path } from "./issues.ts"
import type { Parsed } from "./parse.ts"

/**
 * Asked of the host the configuration is for: does it lack this? `reading`, `writing` and `running`: does the user who has
 * the directory `state`, whom the daemon runs as, lack that right to what is called so? `secrecy`: can others read this
 * file? Only what is known for sure is lacking.
 */
export type Lacks = (
    kind: "program" | "group" | "directory" | "reading" | "writing" | "running" | "secrecy",
    name: string,
    state: string,
) => boolean

/** Every such name, where it stands. */
export function checkHost(parsed: Parsed, lacks: Lacks): Found[] {
    const { gateway, gatewayFile, entries, hooks, bundles, bundlesFile } = parsed
    const { state } = gateway ?? GATEWAY
    const found: Found[] = []
    /** The first of these that it lacks. */
    const look = (file: string, path: Path, name: string, ...questions: readonly [Parameters<Lacks>[0], Doubt][]) => {
        const lacking = questions.find(([kind]) => lacks(kind, name, state))
        if (lacking !== undefined) found.push({ file, path, problem: lacking[1] })
    }
    const program = (file: string, path: Path, argv: readonly string[] | null | undefined) => {
        if (argv)
            look(
                file,
                [...path, 0],
                argv[0]!,
                ["program", { code: "no-program" }],
                ["running", { code: "not-its-program" }],
            )
    }
    const group = gateway?.socketGroup ?? null
    if (group !== null) look(gatewayFile!, ["gateway", "socket_group"], group, ["group", { code: "no-group" }])
    for (const { file, index, door } of entries) {
        for (const which of ["start", "stop"] as const)
            program(file, ["door", index, "command", which], door?.command?.[which])
    }
    for (const { file, index, hook } of hooks) program(file, ["hook", index, "run"], hook?.run)
    for (const [index, target] of (bundles?.publish ?? []).entries()) {
        const path: Path = ["bundles", "publish", index]
        if (target.kind === "run") program(bundlesFile!, [...path, "run"], target.run)
        if (target.kind === "directory")
            look(
                bundlesFile!,
                [...path, "directory"],
                target.directory,
                ["directory", { code: "no-directory" }],
                ["writing", { code: "not-its-directory" }],
            )
        if (target.kind === "put" && target.headers !== null)
            look(
                bundlesFile!,
                [...path, "headers"],
                target.headers,
                ["reading", { code: "not-its-file" }],
                ["secrecy", { code: "headers-readable" }],
            )
    }
    return found
}
