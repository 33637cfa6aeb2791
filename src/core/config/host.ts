/** What a configuration names of its host and the host does not have: programs, directories, the group of the control socket. */
import type { Found, Path } from "./issues.ts"
import type { Parsed } from "./parse.ts"

/** Asked of the host the configuration is for: does it lack this? Only what is known for sure is lacking. */
export type Lacks = (kind: "program" | "group" | "directory", name: string) => boolean

/** Every such name, where it stands. */
export function checkHost(parsed: Parsed, lacks: Lacks): Found[] {
    const { gateway, gatewayFile, entries, hooks, bundles, bundlesFile } = parsed
    const found: Found[] = []
    const program = (file: string, path: Path, argv: readonly string[] | null | undefined) => {
        if (argv && lacks("program", argv[0]!))
            found.push({ file, path: [...path, 0], problem: { code: "no-program" } })
    }
    const group = gateway?.socketGroup ?? null
    if (group !== null && lacks("group", group))
        found.push({ file: gatewayFile!, path: ["gateway", "socket_group"], problem: { code: "no-group" } })
    for (const { file, index, door } of entries) {
        for (const which of ["start", "stop"] as const)
            program(file, ["door", index, "command", which], door?.command?.[which])
    }
    for (const { file, index, hook } of hooks) program(file, ["hook", index, "run"], hook?.run)
    for (const [index, target] of (bundles?.publish ?? []).entries()) {
        const path: Path = ["bundles", "publish", index]
        if (target.kind === "run") program(bundlesFile!, [...path, "run"], target.run)
        if (target.kind === "directory" && lacks("directory", target.directory))
            found.push({ file: bundlesFile!, path: [...path, "directory"], problem: { code: "no-directory" } })
    }
    return found
}
