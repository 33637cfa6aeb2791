import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { codeOf } from "../../../src/core/knock/hit.ts"
import { parseHit } from "../../../src/core/knock/language.ts"
import { Matcher } from "../../../src/core/knock/matcher.ts"
import { indexSequences } from "../../../src/core/knock/sequence.ts"
import { formatAddress, parseAddress } from "../../../src/core/net/address.ts"
import type { KnockVector } from "../../../tools/vectors/knock.ts"
import { Twin } from "./twin.ts"

const folder = join(import.meta.dirname, "../../../vectors/knock")

function code(text: string): number {
    const read = parseHit(text)
    if (!read.ok) throw new Error(`${text}: ${read.code}`)
    return codeOf(read.value)
}

describe("vectors/knock", () => {
    for (const file of readdirSync(folder)) {
        const { name, sequences, packets }: KnockVector = JSON.parse(readFileSync(join(folder, file), "utf8"))
        it(`${name}: the matcher and its twin open what the vector says`, () => {
            const wanted = sequences.map((s, door) => ({ door, codes: s.hits.map(code), within: s.within }))
            const opened: string[] = []
            const matcher = new Matcher([indexSequences(wanted)], 1024, [5, 6], {
                recognised: ({ door }) => opened.push(sequences[door]!.door),
                advanced: () => {},
                timedOut: () => {},
                spoiled: () => {},
                late: () => {},
                paused: () => {},
            })
            const twin = new Twin(wanted)
            for (const { time, source, hit, mark = 0, expect: doors } of packets) {
                const address = parseAddress(source)!
                matcher.expire(time)
                matcher.hit(0, ...address, code(hit), mark, time)
                expect(opened.splice(0), `${hit} at ${time}`).toEqual(doors)
                const packet = { source: formatAddress(address), code: code(hit), mark, time }
                expect(
                    twin.packet(packet).map((door) => sequences[door]!.door),
                    `twin: ${hit} at ${time}`,
                ).toEqual(doors)
            }
        })
    }
})
