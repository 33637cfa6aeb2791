/** A program of the host that says how things are: bounded, found in the usual places alone, and never waited for long. */
import { spawnSync } from "node:child_process"

/** Ours: bytes of what it prints, and milliseconds. */
const MOST_BYTES = 16 << 20
const TIMEOUT_MS = 5000

/** root must not run what somebody else has put into his path. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** What it printed, or why that cannot be had: in one line, of its own where it said one. */
export type Said = { readonly ok: true; readonly output: string } | { readonly ok: false; readonly why: string }

/** Runs it. Nothing throws. */
export function run(program: string, ...args: readonly string[]): Said {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
        encoding: "utf8",
        timeout: TIMEOUT_MS,
        maxBuffer: MOST_BYTES,
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH, LANG: "C" },
    })
    if (status === 0) return { ok: true, output: stdout }
    const said = (stderr ?? "").trim().split("\n")[0] ?? ""
    return { ok: false, why: said || (error === undefined ? `${program} failed` : `${program} is not there`) }
}
