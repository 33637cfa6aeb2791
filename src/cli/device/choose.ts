/** Which keys a device reads bundles with: those that are named, else the one that it has made, else an SSH key of its user. */
import { accessSync, constants } from "node:fs"
import { join, resolve } from "node:path"
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { deviceKeyFile, homeFolder } from "./folders.ts"
import { readKey } from "./reading.ts"

/** As they stand in a profile. */
export type Keys = Pick<ProfileBundle, "identities" | "decryptWith">

/** SSH keys that can receive files, in the order in which they are tried. */
const SSH_KEYS = ["id_ed25519", "id_rsa"]

/** The keys, or the exit code after an error that has been told. */
export async function chooseKeys(
    named: readonly string[],
    program: string | undefined,
    terminal: Terminal,
): Promise<Keys | ExitCode> {
    const identities = named.map((path) => asWritten(path, terminal))
    if (program === undefined) {
        if (identities.length > 0) return { identities, decryptWith: "postern" }
        const found = await usualKey(terminal)
        if (found !== null) return { identities: [asWritten(found, terminal)], decryptWith: "postern" }
        terminal.error(
            "there is no private key here that could decrypt",
            "--new makes one for this device; --identity FILE names one; --decrypt-with gpg leaves it to gpg",
        )
        return EXIT.usage
    }
    if (program !== "gpg" && program !== "age") {
        terminal.error(`--decrypt-with ${program}: neither gpg nor age`)
        return EXIT.usage
    }
    if (program === "gpg" && identities.length > 0) {
        terminal.error("--decrypt-with gpg: it finds its keys by itself", "leave --identity out")
        return EXIT.usage
    }
    if (program === "age" && identities.length === 0) {
        terminal.error("--decrypt-with age: which identity?", "add --identity FILE")
        return EXIT.usage
    }
    return { identities, decryptWith: program }
}

/** A path as it stands in a profile: whole, and below the user's home with `~/`. */
export function asWritten(path: string, terminal: Terminal): string {
    const whole = resolve(path)
    const home = `${homeFolder(terminal.env)}/`
    return whole.startsWith(home) ? `~/${whole.slice(home.length)}` : whole
}

/** The first that is there and can decrypt; null: none. */
async function usualKey({ env }: Terminal): Promise<string | null> {
    const device = deviceKeyFile(env)
    if (isThere(device)) return device
    const { isSshPrivate, parseSshPrivate } = await import("../../adapters/sealing/portable/ssh-private.ts")
    for (const name of SSH_KEYS) {
        const file = join(homeFolder(env), ".ssh", name)
        const key = readKey(file)
        if ("trouble" in key) continue
        const text = new TextDecoder().decode(key)
        const read = isSshPrivate(text) ? parseSshPrivate(text, null) : null
        if (read?.ok || read?.code === "passphrase-needed") return file
    }
    return null
}

function isThere(file: string): boolean {
    try {
        accessSync(file, constants.R_OK)
        return true
    } catch {
        return false
    }
}
