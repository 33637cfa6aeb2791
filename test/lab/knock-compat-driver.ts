/**
 * Plays command lines to the real `knock` and to ours, one after the other, where it is started: a JSON line in, a JSON
 * line out. Ours runs in this process, which is what makes hundreds of them quick. Behind each it sends a mark, so that
 * whoever watches the wire knows which packets are whose.
 */
import { spawnSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { markLength } from "./knock-lines.ts"

/** A command line for both. `theirs`: the one for knock, where it needs other words for the same. */
export type Order = {
    readonly words: readonly string[]
    readonly theirs: readonly string[]
    /** With POSIXLY_CORRECT in the environment. */
    readonly strict: boolean
}

/** What a program said and how it ended, and how long that took (ms). */
export type Played = {
    readonly stdout: string
    readonly stderr: string
    readonly status: number | null
    readonly ms: number
}

/** Both. */
export type Answer = { readonly real: Played; readonly ours: Played }

Object.assign(globalThis, { POSTERN_VERSION: "test" })
const { knockCompat } = await import("../../src/cli/knock-compat/verb.ts")
const [, , server = "", port = ""] = process.argv
const socket = createSocket("udp4")

let marks = 0

/** Marks differ by their length, so that nobody takes one for another. */
function mark(): Promise<void> {
    return new Promise((resolve, reject) => {
        const bytes = new Uint8Array(markLength(marks++))
        socket.send(bytes, Number(port), server, (error) => (error === null ? resolve() : reject(error)))
    })
}

function playReal({ theirs, strict }: Order): Played {
    const { POSIXLY_CORRECT: _, ...rest } = process.env
    const env = strict ? { ...rest, POSIXLY_CORRECT: "" } : rest
    const from = performance.now()
    const done = spawnSync("/usr/bin/knock", theirs, { argv0: "knock", encoding: "utf8", env, timeout: 20_000 })
    return { stdout: done.stdout, stderr: done.stderr, status: done.status, ms: performance.now() - from }
}

async function playOurs({ words, strict }: Order): Promise<Played> {
    let [stdout, stderr] = ["", ""]
    if (strict) process.env["POSIXLY_CORRECT"] = ""
    else delete process.env["POSIXLY_CORRECT"]
    const from = performance.now()
    const status = await knockCompat(words, {
        out(text) {
            stdout += text
        },
        error(text) {
            stderr += text
        },
    })
    return { stdout, stderr, status, ms: performance.now() - from }
}

await new Promise<void>((resolve) => socket.bind(0, resolve))
for await (const line of createInterface({ input: process.stdin })) {
    const order: Order = JSON.parse(line)
    const real = playReal(order)
    await mark()
    const ours = await playOurs(order)
    await mark()
    // The sockets of ours are closed in the next turns, as they are when a process ends.
    await sleep(0)
    process.stdout.write(`${JSON.stringify({ real, ours } satisfies Answer)}\n`)
}
