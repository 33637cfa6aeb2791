/** The lines a program writes, as they come, with a bounded wait for the one that matters. */
import type { ChildProcess } from "node:child_process"
import type { Readable } from "node:stream"
import { stripVTControlCharacters } from "node:util"

export type Wait = {
    /** Only lines from this index on; `lines.all.length` before the act that causes the line. */
    readonly from?: number
    /** Milliseconds. */
    readonly timeout?: number
}

/** What was written so far. */
export type Lines = {
    readonly all: readonly string[]
    /**
     * The first line that matches. Rejects, with the last lines that were written, when it does not come in time or the
     * program ends without it.
     */
    readonly waitFor: (pattern: RegExp, wait?: Wait) => Promise<string>
}

/** Lines in an error: enough to see what went on before. */
const SHOWN = 60

/** Collects the lines of one stream of a program. */
export function collectLines(child: ChildProcess, stream: Readable): Lines {
    const all: string[] = []
    const watchers = new Set<() => void>()
    let [rest, closed] = ["", false]

    const add = (line: string) => {
        all.push(stripVTControlCharacters(line))
        for (const watcher of watchers) watcher()
    }
    stream.setEncoding("utf8")
    stream.on("data", (text: string) => {
        const parts = (rest + text).split("\n")
        rest = parts.pop() ?? ""
        for (const line of parts) add(line.trimEnd())
    })
    const close = () => {
        if (closed) return
        closed = true
        add(rest.trimEnd())
    }
    stream.on("close", close)
    child.on("error", (error) => add(`cannot be started: ${error.message}`))

    return {
        all,
        waitFor: (pattern, { from = 0, timeout = 10_000 } = {}) =>
            new Promise((resolve, reject) => {
                const look = () => {
                    const found = all.slice(from).find((line) => pattern.test(line))
                    if (found === undefined && !closed) return
                    finish()
                    if (found !== undefined) resolve(found)
                    else reject(new Error(`the program ended without ${pattern}:\n${all.slice(-SHOWN).join("\n")}`))
                }
                const timer = setTimeout(() => {
                    finish()
                    reject(new Error(`no line ${pattern} within ${timeout} ms:\n${all.slice(-SHOWN).join("\n")}`))
                }, timeout)
                const finish = () => {
                    clearTimeout(timer)
                    watchers.delete(look)
                }
                watchers.add(look)
                look()
            }),
    }
}
