/** The real knockd and ours as they are started by hand: what they print, write and return, each in its own directory. */
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { KNOCKD } from "./knockd-play.ts"
import type { WiredHost } from "./knockd-wire.ts"
import { eventually, POSTERN } from "./lab.ts"

/** How to start one. `@DIR@` in texts is its directory. */
export type Start = {
    readonly conf: string
    /** All but `-c`. */
    readonly options: readonly string[]
    /** Words before the program. */
    readonly inside?: readonly string[]
}

/** One of them. */
export class Running {
    readonly directory: string
    readonly child: ChildProcess
    readonly ended: Promise<number | string>
    out = ""
    err = ""
    end: number | string | null = null

    constructor(program: readonly string[], host: WiredHost, directory: string, start: Start) {
        this.directory = directory
        if (!existsSync(directory)) mkdirSync(directory)
        const plain = (text: string) => text.replaceAll("@DIR@", directory)
        writeFileSync(join(directory, "conf"), plain(start.conf), "latin1")
        const argv = [...(start.inside ?? []), ...program, ...start.options.map(plain), "-c", join(directory, "conf")]
        const env = { ...process.env, POSTERN_KNOCKD_STATE: join(directory, "state"), LC_ALL: "C", TZ: "UTC" }
        this.child = host.namespace.start(argv, { env, cwd: directory })
        this.ended = new Promise((resolve) => {
            this.child.once("close", (code, signal) => {
                this.end = code ?? signal ?? "?"
                resolve(this.end)
            })
        })
        this.child.stdout!.setEncoding("latin1").on("data", (text: string) => {
            this.out += text
        })
        this.child.stderr!.setEncoding("latin1").on("data", (text: string) => {
            this.err += text
        })
    }

    /** A file in its directory; "" where there is none. */
    file(name: string): string {
        const path = join(this.directory, name)
        return existsSync(path) ? readFileSync(path, "latin1") : ""
    }

    /** Resolves when it listens, or has ended. */
    async listens(said = () => this.out.includes("listening on")): Promise<this> {
        await eventually(() => this.end !== null || said(), 20_000)
        return this
    }

    /** Ends it. */
    async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | string> {
        if (this.end === null) this.child.kill(signal)
        await eventually(() => this.end !== null, 15_000)
        if (this.end === null) this.child.kill("SIGKILL")
        return await this.ended
    }
}

/** How to start the one of this name in its directory, which this may make. */
export type Starts = (name: "knockd" | "ours", directory: string) => Start

/** Starts both at once, in directories below `scratch`. */
export function startTwo(
    host: WiredHost,
    scratch: string,
    start: Starts,
): { readonly knockd: Running; readonly ours: Running } {
    const directory = join(scratch, "knockd")
    const knockd = new Running([KNOCKD], host, directory, start("knockd", directory))
    return { knockd, ours: startOurs(host, scratch, start) }
}

/** Starts ours alone. */
export function startOurs(host: WiredHost, scratch: string, start: Starts): Running {
    const directory = join(scratch, "ours")
    return new Running([POSTERN, "knockd"], host, directory, start("ours", directory))
}
