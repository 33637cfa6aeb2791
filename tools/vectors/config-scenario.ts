/** A scenario of a configuration, and the doors that most of them are made of. */

/**
 * One scenario. `listening` is null where the host is not known; `lacks`: `program /bin/a`, `group ops`; `knockers`: so
 * many may open every door.
 */
export type Scenario = {
    readonly name: string
    readonly files: readonly { readonly file: string; readonly text: string; readonly mode?: number }[]
    readonly listening: readonly string[] | null
    readonly lacks?: readonly string[]
    readonly knockers?: number
    readonly issues: readonly string[]
}

export const MAIN = "postern.toml"

/** A scenario of one file. */
export function scenario(
    name: string,
    text: string,
    issues: readonly string[],
    more: Partial<Scenario> = {},
): Scenario {
    return { name, files: [{ file: MAIN, text }], listening: null, issues, ...more }
}

/** A door without any issue: lines 1 to 4, then `door` from line 5, and the hits after it. */
export function ssh(door: string, hits = '"32144", "21312:udp", "48231", "icmp:321"', sequence = ""): string {
    return `[[door]]
name = "ssh"
opens = ["tcp/22"]
hide = true
${door}
[door.sequence]
hits = [${hits}]
${sequence}
`
}

/** A second door on its own lines, without any issue by itself. */
export function web(hits: string, more = ""): string {
    return `[[door]]
name = "web"
closes = ["ssh"]
${more}
[door.sequence]
hits = [${hits}]
`
}
