/** Finds and reads profiles and files of hits. They hold secrets, so what others can read is refused. */
import { closeSync, fstatSync, openSync, readdirSync } from "node:fs"
import { join } from "node:path"
import type { Hit } from "../../core/knock/hit.ts"
import { parseHit, type Refused } from "../../core/knock/language.ts"
import type { Profile, ProfileIssue } from "../../core/knock/profile.ts"
import { profileFolder } from "../device/folders.ts"
import { readText } from "../read-some.ts"
import { errorCode } from "./errors.ts"

/** Why there is no profile to use, or no hits. */
export type FileTrouble =
    | { readonly code: "no-profile"; readonly name: string; readonly known: readonly string[]; readonly folder: string }
    | { readonly code: "unreadable"; readonly file: string; readonly detail: string }
    | { readonly code: "too-open"; readonly file: string }
    | { readonly code: "broken"; readonly file: string; readonly issues: readonly ProfileIssue[] }
    | { readonly code: "bad-hit"; readonly file: string; readonly number: number; readonly refused: Refused }
    | { readonly code: "no-hits"; readonly file: string }

export type Loaded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly trouble: FileTrouble }

/** Ours: no profile and no file of hits is larger, in bytes. */
const MAX_FILE = 1024 * 1024

type Env = Readonly<Record<string, string | undefined>>

/** The profile that was asked for by name or, with a `/` or `.toml`, by path. */
export async function namedProfile(name: string, env: Env): Promise<Loaded<Profile>> {
    const folder = profileFolder(env)
    if (name.includes("/") || name.endsWith(".toml")) return readProfile(name)
    if (!isProfileName(name) || !names(folder).includes(name))
        return { ok: false, trouble: { code: "no-profile", name, known: names(folder), folder } }
    return readProfile(join(folder, `${name}.toml`))
}

/**
 * The profile for what was typed as the host: of that name or, with `byHost`, of that `host`. Null if there is none;
 * other profiles that are broken do not matter then.
 */
export async function profileFor(host: string, env: Env, byHost: boolean): Promise<Loaded<Profile> | null> {
    const folder = profileFolder(env)
    const known = names(folder)
    if (known.includes(host)) return readProfile(join(folder, `${host}.toml`))
    if (!byHost) return null
    for (const name of known) {
        const profile = await readProfile(join(folder, `${name}.toml`), false)
        if (profile.ok && profile.value.host.toLowerCase() === host.toLowerCase())
            return readProfile(join(folder, `${name}.toml`))
    }
    return null
}

/** Hits from a file or, for `-`, from standard input: separated by blanks, commas or lines; `#` begins a remark. */
export function readHits(file: string): Loaded<readonly Hit[]> {
    const text = file === "-" ? readInput() : readSecret(file, true)
    if (!text.ok) return text
    const words = text.value
        .replaceAll(/#.*/g, "")
        .split(/[\s,]+/)
        .filter((word) => word !== "")
    const hits: Hit[] = []
    for (const [index, word] of words.entries()) {
        const hit = parseHit(word)
        if (!hit.ok) return { ok: false, trouble: { code: "bad-hit", file, number: index + 1, refused: hit } }
        hits.push(hit.value)
    }
    return hits.length > 0 ? { ok: true, value: hits } : { ok: false, trouble: { code: "no-hits", file } }
}

async function readProfile(file: string, guarded = true): Promise<Loaded<Profile>> {
    const text = readSecret(file, guarded)
    if (!text.ok) return text
    const { parseProfile } = await import("../../core/knock/profile.ts")
    const result = parseProfile(text.value)
    return result.ok
        ? { ok: true, value: result.profile }
        : { ok: false, trouble: { code: "broken", file, issues: result.issues } }
}

/** The text of a file that only its owner may read. The file that was checked is the one that is read. */
function readSecret(file: string, guarded: boolean): Loaded<string> {
    let fd: number | undefined
    try {
        fd = openSync(file, "r")
        const { mode } = fstatSync(fd)
        if (guarded && (mode & 0o170000) === 0o100000 && (mode & 0o077) !== 0)
            return { ok: false, trouble: { code: "too-open", file } }
        return { ok: true, value: readText(fd, MAX_FILE) }
    } catch (error) {
        return unreadable(file, error)
    } finally {
        if (fd !== undefined) closeSync(fd)
    }
}

function readInput(): Loaded<string> {
    try {
        return { ok: true, value: readText(0, MAX_FILE) }
    } catch (error) {
        return unreadable("-", error)
    }
}

function unreadable(file: string, error: unknown): Loaded<never> {
    return { ok: false, trouble: { code: "unreadable", file, detail: errorCode(error) } }
}

/** The names of all profiles; none if there is no such folder. */
function names(folder: string): readonly string[] {
    try {
        return readdirSync(folder)
            .filter((file) => file.endsWith(".toml") && isProfileName(file.slice(0, -5)))
            .map((file) => file.slice(0, -5))
            .toSorted()
    } catch {
        return []
    }
}

/** Can a profile be called so? */
export function isProfileName(text: string): boolean {
    return /^[a-z0-9_][\w.-]*$/i.test(text)
}
