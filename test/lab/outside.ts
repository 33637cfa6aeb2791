/** Everybody outside: 10.77.0.2 and all of 10.99.0.0/16, played by one host of the lab (outsider.ts). */
import { program } from "./bundled.ts"
import { eventually, type Lab } from "./lab.ts"
import { collectLines } from "./lines.ts"

/** What came of attempts to connect; `last`: when one was last open (milliseconds since 1970; 0: never). */
export type Tries = { readonly open: number; readonly refused: number; readonly silent: number; readonly last: number }

export type Outsider = {
    /** Sends a UDP hit to each port. */
    readonly knock: (source: string, ports: readonly number[]) => void
    /** Knocks from ever new sources, one in so many milliseconds; null: no longer. */
    readonly storm: (every: number | null, ports?: readonly number[]) => void
    /** Connects from `source` to the port without end, and counts under this name; what was counted before is forgotten. */
    readonly keepTrying: (name: string, source: string, port: number) => void
    readonly rest: (name: string) => void
    /** The counts until now, by name. */
    readonly tries: () => Promise<Readonly<Record<string, Tries>>>
    readonly end: () => void
}

/** Lets the host `knocker` be many. Ends with the lab, or by `end`. */
export async function startOutsider({ gateway, hosts }: Pick<Lab<"knocker">, "gateway" | "hosts">): Promise<Outsider> {
    const { knocker } = hosts
    knocker.must(["ip", "route", "add", "local", "10.99.0.0/16", "dev", "lo"])
    gateway.must(["ip", "route", "add", "10.99.0.0/16", "via", knocker.v4])
    const child = knocker.start([...program("outsider"), gateway.v4], { stdio: ["pipe", "pipe", "inherit"] })
    child.stdin!.on("error", () => {})
    const lines = collectLines(child, child.stdout!)
    await lines.waitFor(/ready/, { timeout: 20_000 })
    const tell = (...words: readonly (string | number)[]) => void child.stdin!.write(`${words.join(" ")}\n`)
    return {
        knock: (source, ports) => tell("knock", source, ...ports),
        storm: (every, ports = []) => tell("storm", every ?? 0, ...ports),
        keepTrying: (name, source, port) => tell("try", name, source, port),
        rest: (name) => tell("rest", name),
        async tries() {
            const from = lines.all.length
            tell("tell")
            return JSON.parse(await lines.waitFor(/^\{/, { from }))
        },
        end: () => void child.kill("SIGKILL"),
    }
}

/** Something that listens on these TCP ports of the gateway and hangs up at once. */
export async function listenOn({ gateway }: Pick<Lab<"knocker">, "gateway">, ports: readonly number[]): Promise<void> {
    const listener = `for (const port of ${JSON.stringify(ports)})
        require("net").createServer((s) => s.on("error", () => {}).end()).listen(port)`
    gateway.start([process.execPath, "-e", listener], { stdio: "ignore" })
    const listens = (port: number) => gateway.exec(["ss", "-Hltn", `sport = :${port}`]).stdout !== ""
    if (!(await eventually(() => ports.every(listens)))) throw new Error("nobody listens on the gateway")
}
