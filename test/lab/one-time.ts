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
