/**
 * A TypeScript program of ours inside a namespace, spoken to in JSON lines: what goes to its stdin are commands, what
 * comes from its stdout are events.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Service } from "../../src/core/knock/hit.ts"
import type { LinkState } from "../../src/ports/links.ts"
import type { ExpectedPacket } from "../../tools/vectors/packet.ts"
import type { Namespace } from "./namespace.ts"

/** An event has the key it is named for; only that one, and what is said of it, may be looked at. */
export type Event = {
    readonly ready: true
    readonly started: string
    readonly refused: string
    readonly followed: true
    readonly stopped: true
    readonly stalled: true
    readonly resumed: true
    readonly listening: true
    readonly changed: true
    readonly sent: number
    readonly trouble: string
    /** `ordered`: its time is whole, not before the packet before and not after now. */
    readonly packet: NonNullable<ExpectedPacket>
    readonly ordered: boolean
    readonly reading: { readonly packets: number; readonly bytes: number }
    readonly stats: { readonly delivered: number; readonly dropped: number }
    readonly services: readonly Service[]
    readonly links: {
        readonly interfaces: LinkState["interfaces"]
        /** Text and interface. */
        readonly addresses: readonly (readonly [string, number])[]
        readonly defaultRoutes: readonly string[]
    }
}

export type Worker = {
    readonly send: (command: Readonly<Record<string, unknown>>) => void
    /** The next event that has this key, also one that came already; events before it stay. Throws after a bound. */
    readonly next: (key: keyof Event) => Promise<Event>
    /** All events with this key that came and were not taken yet. */
    readonly take: (key: keyof Event) => Event[]
    /** Ends it and resolves when it is gone. */
    readonly end: () => Promise<void>
}

const PATIENCE_MS = 20_000

/** Starts `test/lab/<script>` in a namespace. `wrap` is put before the program, such as `setpriv …`. */
export function startWorker(namespace: Namespace, script: string, wrap: readonly string[] = []): Worker {
    const root = join(import.meta.dirname, "../..")
    const node = [process.execPath, "--expose-gc", "--import", "tsx", join(import.meta.dirname, script)]
    const [program, ...args] = namespace.inside([...wrap, ...node])
    // Its own colours and options are not those of the test runner.
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] }
    const child: ChildProcess = spawn(program!, args, { cwd: root, env, stdio: ["pipe", "pipe", "pipe"] })
    const events: Event[] = []
    const waiting = new Set<() => void>()
    let stderr = ""
    let gone = false
    const wake = () => {
        for (const look of waiting) look()
    }
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
        stderr += text
    })
    child.stdin!.on("error", () => {})
    createInterface({ input: child.stdout! }).on("line", (line) => {
        events.push(JSON.parse(line))
        wake()
    })
    const ended = new Promise<void>((resolve) => {
        child.once("close", () => {
            gone = true
            wake()
            resolve()
        })
    })

    return {
        send: (command) => void child.stdin!.write(`${JSON.stringify(command)}\n`),
        next: (key) =>
            new Promise((resolve, reject) => {
                const finish = (act: () => void) => {
                    clearTimeout(timer)
                    waiting.delete(look)
                    act()
                }
                const fail = (why: string) => {
                    const said = `${JSON.stringify(events).slice(0, 2000)} ${stderr}`
                    finish(() => reject(new Error(`${script}: no "${key}": ${why}: ${said}`)))
                }
                const look = () => {
                    const index = events.findIndex((event) => key in event)
                    if (index >= 0) finish(() => resolve(events.splice(index, 1)[0]!))
                    else if (gone) fail("it ended")
                }
                const timer = setTimeout(() => fail("it took too long"), PATIENCE_MS)
                waiting.add(look)
                look()
            }),
        take: (key) => {
            const taken = events.filter((event) => key in event)
            const left = events.filter((event) => !(key in event))
            events.length = 0
            for (const event of left) events.push(event)
            return taken
        },
        async end() {
            child.kill("SIGKILL")
            await ended
        },
    }
}
