/**
 * Asks for the passphrase of a key: by the program that the user has for that, or on the terminal without echo. Never from
 * the command line or the environment, which others can read.
 */
import { spawn } from "node:child_process"
import { closeSync, openSync, writeSync } from "node:fs"
import { StringDecoder } from "node:string_decoder"
import { ReadStream } from "node:tty"
import { printable } from "../../voice/printable.ts"

type Env = Readonly<Record<string, string | undefined>>

/** Ours: no passphrase is longer, and no program says more. */
const MOST = 4096

/** Asks once. `what` is the question without its colon. */
export async function askPassphrase(what: string, env: Env): Promise<{ readonly said: string } | Unasked> {
    const own = env["POSTERN_ASKPASS"]
    if (own) return askProgram(own, what)
    const fd = openTerminal()
    if (fd !== null) return askTerminal(fd, what)
    const program = env["SSH_ASKPASS"]
    return program ? askProgram(program, what) : { unasked: "nobody" }
}

/** Why there is no passphrase. */
export type Unasked = { readonly unasked: "nobody" | "interrupted" | "failed" }

function askProgram(program: string, what: string): Promise<{ readonly said: string } | Unasked> {
    return new Promise((resolve) => {
        const child = spawn(program, [printable(`${what}: `)], { stdio: ["ignore", "pipe", "inherit"] })
        const pieces: Buffer[] = []
        let size = 0
        child.stdout.on("data", (piece: Buffer) => {
            size += piece.length
            // Whoever says so much may as well not hear of SIGTERM.
            if (size > MOST) child.kill("SIGKILL")
            else pieces.push(piece)
        })
        child.on("error", () => resolve({ unasked: "failed" }))
        child.on("close", (code) => {
            const text = Buffer.concat(pieces)
                .toString("utf8")
                .replace(/\r?\n$/, "")
            resolve(code === 0 ? { said: text } : { unasked: "failed" })
        })
    })
}

function openTerminal(): number | null {
    try {
        return openSync("/dev/tty", "r+")
    } catch {
        return null
    }
}

function askTerminal(fd: number, what: string): Promise<{ readonly said: string } | Unasked> {
    const output = openSync("/dev/tty", "w")
    const input = new ReadStream(fd)
    input.setRawMode(true)
    // A name of a file stands in it, which may be anything.
    writeSync(output, printable(`${what}: `))
    const decoder = new StringDecoder("utf8")
    let said = ""
    return new Promise<{ readonly said: string } | Unasked>((resolve) => {
        input.on("end", () => resolve({ unasked: "nobody" }))
        input.on("error", () => resolve({ unasked: "failed" }))
        input.on("data", (piece: Buffer) => {
            for (const letter of decoder.write(piece)) {
                // What the terminal would do by itself if it were not silent (termios(3)).
                if (letter === "\r" || letter === "\n") return resolve({ said })
                if (letter === "\u0003") return resolve({ unasked: "interrupted" })
                if (letter === "\u0004") return resolve(said === "" ? { unasked: "nobody" } : { said })
                if (letter === "\u007f" || letter === "\b") said = Array.from(said).slice(0, -1).join("")
                else if (letter === "\u0015") said = ""
                else if (said.length < MOST) said += letter
            }
        })
    }).finally(() => {
        input.setRawMode(false)
        input.destroy()
        writeSync(output, "\n")
        closeSync(output)
    })
}
