/**
 * Sessions with the built program, written as one sees them in a terminal:
 *
 *     $ postern check wrong.toml
 *     wrong.toml:1:1: …          a line of standard output
 *     ! postern: 1 error         a line of standard error
 *     ? 3                        the exit status; 0 is not written
 *
 * Commands are split at blanks; `$ NAME=value postern …` sets a variable. `…` in an expected line stands for anything.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect } from "vitest"

const LAUNCHER = join(import.meta.dirname, "../../postern")

/** A file of a session: its contents, or contents and mode (600 where nothing is said). */
export type SessionFile = string | Uint8Array | { readonly text: string; readonly mode: number }

/** Runs a session in a folder of its own that holds these files. */
export function session(files: Readonly<Record<string, SessionFile>>, script: string): void {
    if (!existsSync(join(dirname(LAUNCHER), "dist/postern.js"))) throw new Error("dist is not built: run make build")
    const folder = mkdtempSync(join(tmpdir(), "postern-cli-"))
    try {
        for (const [name, file] of Object.entries(files)) {
            const { text, mode } =
                typeof file === "string" || file instanceof Uint8Array ? { text: file, mode: 0o600 } : file
            mkdirSync(dirname(join(folder, name)), { recursive: true })
            writeFileSync(join(folder, name), text)
            chmodSync(join(folder, name), mode)
        }
        const wanted = script
            .split("\n")
            .map((line) => line.trim())
            .filter((line) => line !== "")
        const seen = wanted.filter((line) => line.startsWith("$ ")).flatMap((line) => run(line, folder))
        expect(seen.map((line, i) => (wanted[i] !== undefined && matches(wanted[i], line) ? wanted[i] : line))).toEqual(
            wanted,
        )
    } finally {
        rmSync(folder, { recursive: true })
    }
}

function run(line: string, folder: string): string[] {
    const words = line.slice(2).split(" ")
    const variables = words.slice(0, words.indexOf("postern")).map((word) => word.split("="))
    const { PATH } = process.env
    const { stdout, stderr, status, error } = spawnSync(LAUNCHER, words.slice(words.indexOf("postern") + 1), {
        cwd: folder,
        env: { PATH, TZ: "UTC", ...Object.fromEntries(variables) },
        encoding: "utf8",
        timeout: 30_000,
    })
    if (error) throw error
    const end = status === 0 ? [] : [`? ${status}`]
    return [line, ...lines(stdout, ""), ...lines(stderr, "! "), ...end].map((one) => one.trim())
}

function lines(text: string, mark: string): string[] {
    return text.split("\n").flatMap((one) => (one === "" ? [] : [mark + one]))
}

function matches(wanted: string, seen: string): boolean {
    const parts = wanted.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    return new RegExp(`^${parts.join(".*")}$`).test(seen)
}
