/** One-time sequences as their knocker knows them, derived from the gateway's master by the words of the spec. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DIGESTS } from "../../src/adapters/system/digests.ts"
import { formatHit } from "../../src/core/knock/language.ts"
import { doorKey, knockerKey, sequenceAt } from "../../src/core/one-time/derive.ts"
import { parseMaster } from "../../src/core/one-time/master.ts"
import { poolOf } from "../../src/core/one-time/pool.ts"

/** A key that receives files: nobody in these tests reads them. */
export const KEYS = {
    anna: "age1qfdmhgatwdqjk67jtn2vwf5jt3nfluzve6hg60mdqrcsvmcu640qa7r639",
    bert: "age1k2cu2mvgstesjr9pfl6pefg0mx6gntw9s8asq3xmjs4g68n0tvlswy8rgu",
} as const
export type Name = keyof typeof KEYS

/** Who is in the directory beside a configuration; others are not there any more. */
export function writeKnocker(directory: string, name: Name, generation = 0): void {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
    writeFileSync(join(directory, `${name}.toml`), `keys = ["${KEYS[name]}"]\ngeneration = ${generation}\n`)
}

/** What a door draws from. */
export type Drawn = {
    readonly door: string
    readonly length: number
    readonly protocols: readonly ("tcp" | "udp" | "icmp")[]
    readonly services: readonly { readonly protocol: "tcp" | "udp"; readonly port: number }[]
}

/** The sequence of this counter as `knock` takes it: `PORT:tcp`, or as our client does. Reads the master anew. */
export function sequenceOf(
    state: string,
    { door, length, protocols, services }: Drawn,
    name: Name,
    counter: number,
    generation = 0,
): string[] {
    const master = parseMaster(readFileSync(join(state, "one-time.master"), "latin1"))
    if (master === null) throw new Error("the master cannot be read")
    const knocker = knockerKey(DIGESTS, master.key, { name, generation, recipients: [{ line: KEYS[name] }] })
    const pool = poolOf({ protocols, from: 10_100, to: 32_000, services })
    return sequenceAt(DIGESTS, doorKey(DIGESTS, knocker, door), pool, length, counter).map(formatHit)
}

/** What a test says of a gateway with one door, `ssh`, that one-time sequences open. */
export type OneTimeGateway = {
    readonly gateway: string
    readonly users: string
    readonly state?: string
    readonly url?: string
    /** Where bundles are published; left out: nowhere. */
    readonly directory?: string
    /** Further lines of [bundles]. */
    readonly bundles?: string
    readonly opens?: string
    /** How long it stays open. */
    readonly open?: string
    readonly hide?: boolean
    /** Lines of [door.one_time]. */
    readonly draws?: string
}

/** The configuration of it; other tables can follow. */
export function oneTimeConfiguration({ gateway, users, opens = "tcp/22", ...more }: OneTimeGateway): string {
    const { state, url, directory, bundles = "", open = "1s", hide = true, draws = "" } = more
    return `
${state === undefined ? "" : `[gateway]\nstate = "${state}"`}
[bundles]
users = "${users}"
gateway = "${gateway}"
${url === undefined ? "" : `url = "${url}"`}
${bundles}
${directory === undefined ? "" : `[[bundles.publish]]\ndirectory = "${directory}"`}
[[door]]
name = "ssh"
opens = ["${opens}"]
for = "${open}"
hide = ${hide}
[door.one_time]
${draws}
`
}
