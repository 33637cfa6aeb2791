/** Where a user's things are (XDG Base Directory Specification: relative paths do not count). */
import { homedir } from "node:os"
import { join } from "node:path"

type Env = Readonly<Record<string, string | undefined>>

/** What this device has seen and tried, of one place: to be kept, not to be copied to another device. */
export function stateFolder(env: Env, place: string): string {
    return join(base(env, "XDG_STATE_HOME", ".local/state"), "postern", "places", place)
}

/** Bundles as they were fetched, encrypted: can be lost. */
export function cacheFolder(env: Env): string {
    return join(base(env, "XDG_CACHE_HOME", ".cache"), "postern", "bundles")
}

/** The key that this device has made for itself. */
export function deviceKeyFile(env: Env): string {
    return join(base(env, "XDG_CONFIG_HOME", ".config"), "postern", "identity.txt")
}

/** The user's home. */
export function homeFolder(env: Env): string {
    return env["HOME"] || homedir()
}

/** A path as it stands in a profile: `~/` is the user's home. */
export function expanded(env: Env, path: string): string {
    return path.startsWith("~/") ? join(homeFolder(env), path.slice(2)) : path
}

function base(env: Env, name: string, fallback: string): string {
    const given = env[name]
    return given?.startsWith("/") ? given : join(homeFolder(env), fallback)
}
