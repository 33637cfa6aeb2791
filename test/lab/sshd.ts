/**
 * A real sshd in a namespace: keys, account and configuration of its own in a scratch directory, nothing of the host's
 * /etc/ssh. It runs as an ordinary user (a user namespace maps one), because sshd's change of users is not possible
 * where one id is all we have, and one way for root and everyone is simpler than two.
 */
import type { ChildProcess } from "node:child_process"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./lab.ts"
import { collectLines, type Lines } from "./lines.ts"
import type { Namespace } from "./namespace.ts"

/** A running sshd with one account, `guest`, and one key that may log in. */
export type Sshd = {
    readonly port: number
    readonly log: Lines
    /** The argument vector of a client that logs in at `host` and runs `remote` there. */
    readonly client: (host: string, ...remote: readonly string[]) => string[]
    /** Makes it read its configuration again: it starts anew and listens by new sockets. */
    readonly reload: () => void
    readonly stop: () => void
}

/** See `openSshSession`. */
type SshSession = { readonly say: (line: string) => Promise<string>; readonly end: () => void }

const LOOPBACK = ["ListenAddress 127.0.0.1", "ListenAddress ::1"]
const USER = "guest"
const ID = 1000

/**
 * Starts sshd on `port` and waits until it listens: at every address, or at loopback alone. Throws, with what it said,
 * when it does not.
 */
export async function startSshd(
    namespace: Namespace,
    scratch: string,
    port = 22,
    where: "everywhere" | "loopback" = "everywhere",
): Promise<Sshd> {
    const directory = join(scratch, `sshd-${port}`)
    mkdirSync(join(directory, "home"), { recursive: true })
    for (const key of ["host_key", "guest_key"]) makeKey(join(directory, key))
    writeFileSync(join(directory, "passwd"), account())
    writeFileSync(
        join(directory, "config"),
        [...configuration(directory, port), ...(where === "loopback" ? LOOPBACK : []), ""].join("\n"),
    )
    // An ordinary user may bind this port in this namespace only.
    namespace.must(["sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0"])

    const script = [
        `mount --bind '${directory}/passwd' /etc/passwd`,
        `exec unshare --user --map-user=${ID} --map-group=${ID} /usr/sbin/sshd -D -e -f '${directory}/config'`,
    ]
    const child = namespace.start(["unshare", "--mount", "sh", "-euc", script.join("\n")])
    const log = collectLines(child, child.stderr!)
    await log.waitFor(/Server listening on ::1? port/, { timeout: 10_000 })

    const hostKey = readFileSync(join(directory, "host_key.pub"), "utf8").trim()
    writeFileSync(join(directory, "known_hosts"), `* ${hostKey}\n`)
    return {
        port,
        log,
        client: (host, ...remote) => client(directory, port, host, remote),
        reload: () => void child.kill("SIGHUP"),
        stop: () => end(child),
    }
}

/** A session that stays: what is said comes back. Throws unless it begins. */
export async function openSshSession(from: Host, sshd: Sshd, address: string): Promise<SshSession> {
    const child = from.start(sshd.client(address, "cat"), { stdio: ["pipe", "pipe", "inherit"] })
    const lines = collectLines(child, child.stdout!)
    const session = {
        say: (line: string) => {
            child.stdin!.write(`${line}\n`)
            return lines.waitFor(new RegExp(`^${line}$`))
        },
        end: () => void child.stdin!.end(),
    }
    await session.say("here")
    return session
}

function end(child: ChildProcess): void {
    child.kill("SIGTERM")
}

function makeKey(file: string): void {
    if (existsSync(file)) return
    const { status, stderr } = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file], {
        encoding: "utf8",
    })
    if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`)
}

function account(): string {
    return [
        "root:x:0:0:root:/root:/bin/sh",
        `${USER}:x:${ID}:${ID}:${USER}:/:/bin/sh`,
        "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin",
        "",
    ].join("\n")
}

function configuration(directory: string, port: number): string[] {
    return [
        `Port ${port}`,
        `HostKey ${directory}/host_key`,
        `AuthorizedKeysFile ${directory}/guest_key.pub`,
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UseDNS no",
        "LoginGraceTime 20",
        // No name of the account is worth a motd, and tests log in often.
        "PrintMotd no",
        "PrintLastLog no",
        "MaxStartups 100",
        // Since 9.8 it shuts out who connects often without logging in, as whoever only asks if a port is open does.
        ...(knows("persourcepenalties") ? ["PerSourcePenalties no"] : []),
    ]
}

/** Is this a keyword that the installed sshd has? It refuses a configuration with others. */
function knows(keyword: string): boolean {
    return readFileSync("/usr/sbin/sshd").includes(`\0${keyword}\0`)
}

function client(directory: string, port: number, host: string, remote: readonly string[]): string[] {
    const options = [
        `UserKnownHostsFile=${directory}/known_hosts`,
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "LogLevel=ERROR",
        "ConnectTimeout=5",
    ]
    const identity = ["-i", join(directory, "guest_key")]
    const flags = ["-F", "none", "-T", ...identity, "-p", String(port), ...options.flatMap((o) => ["-o", o])]
    return ["ssh", ...flags, `${USER}@${host}`, ...remote]
}
