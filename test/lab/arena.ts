/**
 * Where daemons are killed: a gateway with a hidden door whose programs write down what they do, everybody outside, and
 * what must be true of kernel and programs, whenever a daemon died.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseElements } from "../../src/adapters/firewall/elements.ts"
import { formatSource } from "../../src/core/net/address.ts"
import { type Lab, makeLab } from "./lab.ts"
import { listenOn, type Outsider, startOutsider } from "./outside.ts"

/** The hits of the door, all by UDP. */
export const HITS = [32144, 21312, 27015]
/** Its port. */
export const PORT = 22

export type Arena = {
    readonly lab: Lab<"knocker">
    readonly outsider: Outsider
    /** The configuration for one life; its programs write down which one. */
    readonly configuration: (life: number | string) => string
    /** Another one for the same life: a door is gone, another has come, sets have another size. */
    readonly changed: (life: number | string) => string
    /** A source that can come in now, with the time that it has left (ms). */
    readonly open: () => ReadonlyMap<string, number>
    /** What is wrong with programs, over all lives: a text for each. */
    readonly wrongPrograms: () => string[]
    /** How many programs ran. */
    readonly ran: () => number
    readonly remove: () => void
}

/** Builds one. A stranger tries the hidden port under the name `stranger` from the first `hide` on. */
export async function makeArena(): Promise<Arena> {
    const lab = makeLab(["knocker"])
    try {
        const outsider = await startOutsider(lab)
        await listenOn(lab, [PORT])
        const trace = join(lab.scratch, "trace")
        const script = join(lab.scratch, "program")
        const state = join(lab.scratch, "state")
        mkdirSync(state, { mode: 0o700 })
        appendFileSync(trace, "")
        writeFileSync(script, `#!/bin/sh\necho "$*" >>${trace}\n`, { mode: 0o755 })
        const configuration = (life: number | string, grants: number, other: string) => `
[gateway]
state = "${state}"
grants = ${grants}
${other}
[[door]]
name  = "ssh"
opens = ["tcp/${PORT}"]
for   = "1s"
hide  = true
  [door.sequence]
  hits = [${HITS.map((port) => `"${port}:udp"`).join(", ")}]
  [door.command]
  start = ["${script}", "start", "{source}", "${life}"]
  stop  = ["${script}", "stop", "{source}", "${life}"]
  after = "40ms"
`
        return {
            lab,
            outsider,
            configuration: (life) => configuration(life, 16_384, hidden("leaving", 24)),
            changed: (life) => configuration(life, 64, hidden("coming", 25)),
            open: () => openSources(lab),
            wrongPrograms: () => wrong(readLines(trace)),
            ran: () => readLines(trace).length,
            remove: () => lab.remove(),
        }
    } catch (error) {
        lab.remove()
        throw error
    }
}

/** A door that nobody knocks at. */
function hidden(name: string, port: number): string {
    const hits = `hits = ["4${port}1:udp", "5${port}7:udp", "6${port}3:udp"]`
    return `[[door]]\nname = "${name}"\nopens = ["tcp/${port}"]\nhide = true\n[door.sequence]\n${hits}`
}

function readLines(file: string): string[] {
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []
}

/** Throws if something is open without an end. */
function openSources({ gateway }: Lab<"knocker">): Map<string, number> {
    const text = gateway.must(["nft", "list table inet postern"])
    for (const [set] of text.matchAll(/set (any|open)[46] \{.*?\n\t\}/gs)) {
        const elements = /elements = \{([^}]*)\}/.exec(set)?.[1] ?? ""
        for (const element of elements.split(",").filter((one) => one.trim() !== "")) {
            if (!/ expires /.test(element)) throw new Error(`open for ever: ${element.trim()}`)
        }
    }
    const live = parseElements(text.slice(text.indexOf("set open4")))
    return new Map(live.map(({ element, left }) => [formatSource(element.source), left]))
}

/** Each source knocks once in its life: so one start at most, never without a stop, and one stop at most of each life. */
function wrong(lines: readonly string[]): string[] {
    const bySource = new Map<string, { starts: number; stops: Map<string, number> }>()
    for (const line of lines) {
        const [what, source = "", life = ""] = line.split(" ")
        const known = bySource.get(source) ?? { starts: 0, stops: new Map<string, number>() }
        bySource.set(source, known)
        if (what === "start") known.starts++
        else known.stops.set(life, (known.stops.get(life) ?? 0) + 1)
    }
    return [...bySource].flatMap(([source, { starts, stops }]) => {
        const found = `${source}: ${starts} starts, stops ${JSON.stringify([...stops])}`
        const right = starts <= 1 && stops.size >= 1 && [...stops.values()].every((count) => count === 1)
        return right ? [] : [found]
    })
}
