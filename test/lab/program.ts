/** A door's program that writes down how it was called. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** One, in a folder of its test's own. */
export type Program = {
    readonly file: string
    /** What it has written down. */
    readonly trace: string
    /** Its calls, as `start 192.0.2.7`; also what else it has written. */
    readonly ran: () => string[]
    /** The table of a door that starts and stops it. */
    readonly command: (after: string) => string
}

/** Makes it. `more`: what the shell does after the call was written down, with `start` or `stop` as its first argument. */
export function makeProgram(folder: string, more = ""): Program {
    const [file, trace] = [join(folder, "program"), join(folder, "trace")]
    writeFileSync(file, `#!/bin/sh\necho "$*" >>${trace}\n${more}\n`, { mode: 0o755 })
    return {
        file,
        trace,
        ran: () => (existsSync(trace) ? readFileSync(trace, "utf8").trimEnd().split("\n") : []),
        command: (after) => `  [door.command]
  start = ["${file}", "start", "{source}"]
  stop  = ["${file}", "stop", "{source}"]
  after = "${after}"
`,
    }
}
