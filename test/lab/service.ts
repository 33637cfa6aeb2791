/** The installed service under a real systemd, in a network namespace of the lab (see service.sh for how). */
import { readdirSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "./lab.ts"
import { collectLines } from "./lines.ts"
import type { ExecOptions, Namespace, Result } from "./namespace.ts"

const ROOT = join(import.meta.dirname, "..", "..")
const UNITS = "/run/systemd/user/postern.service.d"

export type Service = {
    /** The argument vector that runs a program there: for `start` of its namespace. */
    readonly inside: (argv: readonly string[]) => string[]
    /** Runs a program as root where the service runs: its files, its network. */
    readonly exec: (argv: readonly string[], options?: ExecOptions) => Result
    readonly systemctl: (...args: readonly string[]) => Result
    /** Properties of the service, as systemd has them. */
    readonly show: <Name extends string>(...names: readonly Name[]) => Record<Name, string>
    readonly log: () => string
    /** Puts a drop-in in place of those before; null: none. Takes effect with the next start. */
    readonly dropIn: (text: string | null) => void
    readonly configure: (configuration: string) => void
    /** Ends the service and its systemd, and leaves nothing. Can be called twice. */
    readonly remove: () => Promise<void>
}

let count = 0

/** Installs the program there, and starts systemd, but not the service. A text: why that cannot be had here. */
export async function makeService(host: Namespace, scratch: string, configuration: string): Promise<Service | string> {
    const name = `postern-test-${process.pid}-${++count}`
    const file = join(scratch, `${name}.toml`)
    writeFileSync(file, configuration)
    const child = host.start(["sh", join(import.meta.dirname, "service.sh"), ROOT, file, name])
    const lines = collectLines(child, child.stdout!)
    const trouble = collectLines(child, child.stderr!)
    let over = false
    const ended = new Promise<void>((resolve) => {
        child.once("close", () => {
            over = true
            resolve()
        })
    })
    const inside = (argv: readonly string[]) => [
        "nsenter",
        `--mount=/proc/${child.pid}/ns/mnt`,
        "--",
        "env",
        "XDG_RUNTIME_DIR=/run",
        ...argv,
    ]
    const exec = (argv: readonly string[], options?: ExecOptions) => host.exec(inside(argv), options)
    const systemctl = (...args: readonly string[]) => exec(["systemctl", "--user", "--no-pager", ...args])
    const write = (path: string, text: string) => {
        const { status, stderr } = exec(["sh", "-c", 'cat >"$0"', path], { input: text })
        if (status !== 0) throw new Error(`${path}: ${stderr}`)
    }
    const remove = async () => {
        if (!over) {
            systemctl("stop", "postern", "postern-knockd", "knockd")
            child.kill("SIGTERM")
            await Promise.race([ended, eventually(() => over, 10_000)])
            child.kill("SIGKILL")
        }
        const group = /^group (.*)$/m.exec(lines.all.join("\n"))?.[1]
        if (group !== undefined) await eventually(() => removeGroup(group), 5000)
    }
    // The system's manager lets every user's services notify it; a user's manager expects its own user alone.
    const up = () => exec(["sh", "-c", "test -S /run/systemd/private && chmod 777 /run/systemd/notify"]).status === 0
    if (!(await eventually(() => over || up(), 30_000)) || over) {
        await remove()
        const why = /^cannot: (.*)$/m.exec(lines.all.join("\n"))?.[1]
        if (why !== undefined) return why
        throw new Error(`systemd does not start:\n${[...lines.all, ...trouble.all].join("\n")}`)
    }
    if (!givesRoot(systemctl, exec)) {
        await remove()
        return "this systemd, as the manager of a user, puts every confined service into a user namespace: no root there"
    }
    return {
        inside,
        exec,
        systemctl,
        show(...names) {
            const { stdout } = systemctl("show", "postern", ...names.map((one) => `--property=${one}`))
            const pairs = stdout.split("\n").map((line) => [line.split("=")[0]!, line.slice(line.indexOf("=") + 1)])
            // oxlint-disable-next-line no-unsafe-type-assertion -- Object.fromEntries forgets the names of its keys
            return Object.fromEntries(pairs) as Record<(typeof names)[number], string>
        },
        log: () => exec(["cat", "/run/postern.log"]).stdout,
        dropIn(text) {
            exec(["rm", "-f", `${UNITS}/50-test.conf`])
            if (text !== null) write(`${UNITS}/50-test.conf`, text)
            systemctl("daemon-reload")
        },
        configure: (text) => write("/etc/postern/postern.toml", text),
        remove,
    }
}

/** Are confined services root, as under the system's manager? From version 254 on they are not, even if the user is. */
function givesRoot(systemctl: Service["systemctl"], exec: Service["exec"]): boolean {
    const confined =
        "[Service]\nType=oneshot\nProtectSystem=strict\nExecStart=/bin/sh -c 'cat /proc/self/uid_map >&2'\n"
    const unit = "/run/systemd/user/postern-probe.service"
    exec(["sh", "-c", 'cat >"$0"', unit], {
        input: `${confined}StandardError=truncate:/run/postern-probe\n[Unit]\nDefaultDependencies=no\n`,
    })
    systemctl("daemon-reload")
    systemctl("start", "postern-probe")
    const { stdout } = exec(["cat", "/run/postern-probe"])
    exec(["rm", unit])
    systemctl("daemon-reload")
    // All user numbers there are, or only our own.
    return /^\s*0\s+0\s+4294967295\s*$/.test(stdout)
}

/** Control groups go from the inside out, and only when nobody is in them any more. */
function removeGroup(path: string): boolean {
    try {
        for (const { name } of readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
            removeGroup(join(path, name))
        }
        rmdirSync(path)
        return true
    } catch (error) {
        return error instanceof Error && "code" in error && error.code === "ENOENT"
    }
}
