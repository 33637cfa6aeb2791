/** Files of ours: who can read and change them, and when they were written. */
import { lstatSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs"
import { join } from "node:path"
import type { ClockFact, SecretFact } from "../../core/doctor/facts.ts"

/** What others than the owner must not be able to do. The audit trail may be read by a group. */
const STATE_EXCESS = 0o077
const AUDIT_EXCESS = 0o027
/** Whoever can write to a directory can put other files into it. */
const WRITE = 0o022

/**
 * The directory `state` and what is in it, and the directories of the configuration. Those that we may not look at are left
 * out, and so are links in it: whoever owns it could have root change what they lead to.
 */
export function seeSecrets(state: string, folders: readonly string[]): SecretFact[] {
    const inside = names(state).flatMap((name) => {
        const path = join(state, name)
        return lstatOf(path)?.isFile() === true
            ? fact(path, name.startsWith("audit") ? AUDIT_EXCESS : STATE_EXCESS)
            : []
    })
    return [...fact(state, WRITE), ...inside, ...folders.flatMap((folder) => fact(folder, WRITE))]
}

function fact(path: string, excess: number): SecretFact[] {
    const stat = statOf(path)
    // Where everybody may make files, nobody changes those of others (man 1 chmod, restricted deletion).
    return stat === null || (stat.mode & 0o1000) !== 0 ? [] : [{ path, mode: stat.mode & 0o777, excess }]
}

/** The file among these, and in the directory `state`, that was written last. */
export function seeLatest(state: string, files: readonly string[]): ClockFact["latest"] {
    const dated = [
        ...names(state).flatMap((name) => {
            const file = join(state, name)
            const stat = lstatOf(file)
            return stat?.isFile() === true ? [{ at: stat.mtimeMs, file }] : []
        }),
        ...files.flatMap((file) => {
            const at = statOf(file)?.mtimeMs
            return at === undefined ? [] : [{ at, file }]
        }),
    ]
    return dated.sort((a, b) => b.at - a.at)[0] ?? null
}

/** Was one of these files written after this moment (ms since 1970)? */
export function changedSince(since: number, files: readonly string[]): boolean {
    return files.some((file) => (statOf(file)?.mtimeMs ?? 0) > since)
}

/** Files from which rules of nftables are loaded at boot, and that take all tables away first. */
export function seeFlushing(
    files: readonly string[] = ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"],
): string[] {
    return files.filter((file) => {
        try {
            return /^\s*flush\s+ruleset\b/m.test(readFileSync(file, "utf8"))
        } catch {
            return false
        }
    })
}

function names(folder: string): string[] {
    return attempt(() => readdirSync(folder)) ?? []
}

function statOf(path: string): Stats | null {
    return attempt(() => statSync(path))
}

function lstatOf(path: string): Stats | null {
    return attempt(() => lstatSync(path))
}

function attempt<T>(look: () => T): T | null {
    try {
        return look()
    } catch {
        return null
    }
}
