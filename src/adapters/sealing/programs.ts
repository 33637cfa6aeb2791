/**
 * Reads files with the programs that the knocker has: `gpg`, for keys that his gpg-agent holds or that are on a smartcard,
 * and `age`, for identities of plug-ins. They ask for PINs and passphrases by themselves, on his terminal or his screen.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { readlinkSync } from "node:fs"
import type { Readable } from "node:stream"
import { isatty } from "node:tty"
import { formatDuration } from "../../core/knock/language.ts"
import { MAX_FILE } from "../../core/one-time/accept.ts"
import type { Unsealed, Unsealer } from "../../ports/sealing.ts"

/** How a program is run. */
export type ProgramOptions = {
    readonly env: Readonly<Record<string, string | undefined>>
    /** How long it may take, in milliseconds: somebody may have to find his smartcard. */
    readonly timeout: number
    /** What it says to the person, as it comes: to be written to standard error. */
    readonly told: (said: string) => void
    readonly interrupted: AbortSignal
}

/** How long a program that is asked to end may take, in milliseconds. */
const GRACE = 2000
/** How much a program may say, in characters: nobody reads more. */
const SAID_MOST = 1 << 20
/** How much is kept of what a program says, in characters: its last lines say why. */
const KEPT = 4096

/** `gpg --decrypt`, whichever of its keys it takes. */
export function gpgUnsealer(program: string, options: ProgramOptions): Unsealer {
    // The agent has no terminal: it has to be told which one is ours (gpg-agent(1)).
    const terminal = options.env["GPG_TTY"] ?? terminalName()
    const env = terminal === undefined ? options.env : { ...options.env, GPG_TTY: terminal }
    const args = ["--batch", "--quiet", "--no-auto-key-retrieve", "--status-fd", "3", "--output", "-", "--decrypt"]
    return {
        async unseal(file) {
            const ended = await run(program, args, file, { ...options, env })
            return ended.ok ? gpgAnswer(ended) : ended
        },
    }
}

/** `age --decrypt` with a file of identities, which it reads itself. */
export function ageUnsealer(program: string, identities: string, options: ProgramOptions): Unsealer {
    return {
        async unseal(file) {
            const ended = await run(program, ["--decrypt", "--identity", identities], file, options)
            return ended.ok ? ageAnswer(ended) : ended
        },
    }
}

type Ended = {
    readonly ok: true
    readonly code: number | null
    readonly output: Uint8Array
    readonly said: string
    /** gpg's, for programs: lines that begin with `[GNUPG:]`. */
    readonly status: string
}
type Failed = Extract<Unsealed, { ok: false }>

/**
 * What it wrote counts only if gpg says that nobody has changed it: it writes before it knows. Files do not name their
 * keys, so gpg tries all that it has: it cannot tell a wrong passphrase from a key that is another one, and gpg 2.2 ends
 * with 2 if one of them did not fit before one did.
 */
function gpgAnswer({ code, output, said, status }: Ended): Unsealed {
    const has = (word: string) => new RegExp(`^\\[GNUPG:\\] ${word}\\b`, "m").test(status)
    if (code !== null && has("DECRYPTION_OKAY") && has("GOODMDC")) return { ok: true, text: output }
    // The checksum of the armour has no status; in each language its line has this word.
    if (has("DECRYPTION_KEY") || has("NODATA") || /\bCRC\b/.test(said)) return failed("damaged", lastLine(said))
    if (has("DECRYPTION_FAILED"))
        return failed("not-for-us", "gpg has no key that reads it, or got no passphrase for it")
    return failed("failed", `gpg: ${lastLine(said) || `it ended with ${code}`}`)
}

function ageAnswer({ code, output, said }: Ended): Unsealed {
    if (code === 0) return { ok: true, text: output }
    const last = lastLine(said)
    if (/no identity matched/.test(said)) return failed("not-for-us", "age has no key that reads it")
    if (/incorrect passphrase/.test(said)) return failed("passphrase", last)
    if (
        /failed to (read|parse) header|failed to decrypt and authenticate|unexpected EOF|bad header MAC|armor/.test(
            said,
        )
    )
        return failed("damaged", last)
    return failed("failed", `age: ${last || `it ended with ${code}`}`)
}

/** Runs it to its end. Never throws for what it does. */
function run(program: string, args: readonly string[], input: Uint8Array, options: ProgramOptions) {
    const { env, timeout, told, interrupted } = options
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe", "pipe"] })
    const output = collected(child.stdout, () => end("it wrote more than any bundle holds"))
    let [said, status, why] = ["", "", ""]
    const end = (reason: string) => {
        if (why !== "") return
        why = reason
        child.kill("SIGTERM")
        setTimeout(() => {
            child.kill("SIGKILL")
            // What it has begun may live on and hold them open: nobody waits for that.
            for (const stream of child.stdio) stream?.destroy()
        }, GRACE).unref()
    }
    let length = 0
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
        length += text.length
        if (length > SAID_MOST) return end("it says too much")
        said = (said + text).slice(-KEPT)
        told(text)
    })
    const extra = child.stdio[3]
    if (extra !== null && extra !== undefined && "setEncoding" in extra) {
        extra.setEncoding("utf8").on("data", (text: string) => {
            status = (status + text).slice(-KEPT)
        })
    }
    const clock = setTimeout(() => end(`it took longer than ${formatDuration(timeout)}`), timeout)
    const stop = () => end("it was interrupted")
    interrupted.addEventListener("abort", stop, { once: true })
    if (interrupted.aborted) stop()
    // It may end before it has read everything.
    child.stdin.on("error", () => {})
    child.stdin.end(input)
    return finish(child, clock).then((ended): Ended | Failed => {
        interrupted.removeEventListener("abort", stop)
        if (typeof ended === "object" && ended !== null) return failed("failed", missing(program, ended))
        if (why !== "") return failed("failed", `${program}: ${why}`)
        return { ok: true, code: ended, output: output(), said, status }
    })
}

/** Its exit code, null after a signal, or why it could not be started. */
function finish(child: ChildProcess, clock: NodeJS.Timeout): Promise<number | null | Error> {
    return new Promise<number | null | Error>((resolve) => {
        child.on("error", resolve)
        child.on("close", resolve)
    }).finally(() => clearTimeout(clock))
}

/** Collects what a stream says, up to the largest bundle. */
function collected(stream: Readable, tooMuch: () => void): () => Uint8Array {
    const pieces: Buffer[] = []
    let size = 0
    stream.on("data", (piece: Buffer) => {
        size += piece.length
        if (size <= MAX_FILE) pieces.push(piece)
        else tooMuch()
    })
    return () => Buffer.concat(pieces)
}

function failed(code: Failed["code"], detail: string): Failed {
    return { ok: false, code, detail }
}

function missing(program: string, error: Error): string {
    return "code" in error && error.code === "ENOENT"
        ? `there is no program ${program}: install it, or use a key file instead`
        : `${program} cannot be run: ${"code" in error ? String(error.code) : error.message}`
}

/** The last line that says something, as it can be shown, without the program's name. */
function lastLine(said: string): string {
    const lines = said.split("\n").filter((line) => line !== "" && !line.includes("https://filippo.io/age/report"))
    const line = (lines.at(-1) ?? "").replace(/^(gpg|age): (error: )?/, "")
    return line.replace(/[^\x20-\x7e\u00a1-\uffff]/g, "").trim()
}

/** The terminal that this process has, if any. */
function terminalName(): string | undefined {
    const fd = [0, 1, 2].find((one) => isatty(one))
    try {
        return fd === undefined ? undefined : readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
        return undefined
    }
}
