/**
 * Runs a tool again inside a network of its own: private network and mount namespaces, without root in a private user
 * namespace as well. Nothing that happens there can reach the host's network or firewall, and nothing is left of it.
 */
import { spawn, spawnSync } from "node:child_process"

const MARK = "POSTERN_PRIVATE"

/** Are we inside already? Then also gives `ip netns` a directory of its own to keep names in. */
export function insidePrivateNetwork(): boolean {
    if (process.env[MARK] !== "1") return false
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", "/run"], { encoding: "utf8" })
    if (status !== 0) throw new Error(`cannot mount a private /run: ${stderr}`)
    return true
}

/**
 * Starts this script again inside and resolves to its exit code. `contained`: in a private process namespace as well,
 * so that whatever it starts ends with it. Says what to do, and resolves to 6, where the system allows no namespaces.
 */
export async function enterPrivateNetwork(contained: boolean): Promise<number> {
    const flags = ["--net", "--mount", ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"])]
    const probe = spawnSync("unshare", [...flags, "true"], { encoding: "utf8" })
    if (probe.status !== 0) {
        const why = probe.error?.message ?? probe.stderr.trim()
        process.stderr.write(`postern: error: this system does not let us make a private network: ${why}\n`)
        process.stderr.write("postern: hint: run it as root, on a machine or in a container that allows namespaces\n")
        return 6
    }
    // pid 1 of a process namespace takes everything along; unshare takes pid 1 along.
    if (contained) flags.push("--pid", "--fork", "--mount-proc", "--kill-child")
    const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
    const child = spawn("unshare", [...flags, "--", ...command], {
        stdio: "inherit",
        env: { ...process.env, [MARK]: "1", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    })
    // Ctrl-C reaches the inside by itself, and there is where it is answered.
    process.on("SIGINT", () => {
        if (contained) child.kill("SIGKILL")
    })
    process.on("SIGTERM", () => child.kill(contained ? "SIGKILL" : "SIGTERM"))
    return new Promise((resolve, reject) => {
        child.once("error", reject)
        child.once("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)))
    })
}
