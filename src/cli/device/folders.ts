/** Where a user's things are (XDG Base Directory Specification: relative paths do not count). */
import { userInfo } from "node:os"
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

/** Profiles, one file `NAME.toml` each. */
export function profileFolder(env: Env): string {
    return join(base(env, "XDG_CONFIG_HOME", ".config"), "postern", "hosts")
}

/** The user's home: what his account says where HOME does not, as under cron or in a unit of systemd. */
export function homeFolder(env: Env): string {
    const { HOME: home } = env
    if (home?.startsWith("/")) return home
    try {
        return userInfo().homedir
    } catch {
        // A user without an account, as in some containers.
        return "/"
    }
}

/** A path as it stands in a profile: `~/` is the user's home. */
export function expanded(env: Env, path: string): string {
    return path.startsWith("~/") ? join(homeFolder(env), path.slice(2)) : path
}

function base(env: Env, name: string, fallback: string): string {
    const given = env[name]
    return given?.startsWith("/") ? given : join(homeFolder(env), fallback)
}
