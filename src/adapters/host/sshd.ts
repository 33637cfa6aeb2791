/** What an sshd that runs is configured to do, by its own word (`sshd -T`, sshd(8)). */
import { readFileSync, readlinkSync, statSync } from "node:fs"
import type { SshdFact } from "../../core/doctor/facts.ts"
import { messageOf } from "../../core/thrown.ts"
import { run } from "./run.ts"

const SSHD = "/usr/sbin/sshd"
const SSHD_CONFIG = "/etc/ssh/sshd_config"

/**
 * Its settings, or why they cannot be had. Always the sshd of this host is asked, whatever the process calls itself:
 * anybody can have a program of that name. That of a container has files of its own, and is left alone.
 */
export function seeSshd(
    pid: number,
): { readonly ok: true; readonly sshd: SshdFact } | { readonly ok: false; readonly why: string } {
    let file: string
    try {
        if (statSync(`/proc/${pid}`).uid !== 0) return { ok: false, why: "it is not root's" }
        if (readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync("/proc/self/ns/mnt"))
            return { ok: false, why: "it has files of its own, as in a container" }
        file = configurationOf(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    } catch (error) {
        return { ok: false, why: messageOf(error) }
    }
    const said = run(SSHD, "-T", "-f", file)
    return said.ok ? { ok: true, sshd: { pid, file, settings: parseSettings(said.output) } } : said
}

/** The file that it was started with. It writes itself as `sshd: PROGRAM ARGS [listener] …`. */
export function configurationOf(cmdline: string): string {
    const words = cmdline.split(/[\0 ]+/)
    const at = words.indexOf("-f")
    const file = at < 0 ? undefined : words[at + 1]
    return file?.startsWith("/") === true ? file : SSHD_CONFIG
}

/** `keyword value`, a line each; of keywords that can be there often, the first. */
export function parseSettings(text: string): Record<string, string> {
    const settings: Record<string, string> = {}
    for (const line of text.split("\n")) {
        const [, keyword, value] = /^(\w+) (.*)$/.exec(line) ?? []
        if (keyword !== undefined && value !== undefined) settings[keyword] ??= value
    }
    return settings
}
