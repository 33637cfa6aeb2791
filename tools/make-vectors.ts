/**
 * Writes `vectors/`: language-neutral test cases, from generators that show why each case is what it is.
 * `npx tsx tools/make-vectors.ts` writes the files; with `--check` it only says which are out of date (exit 1).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { configVectors } from "./vectors/config.ts"
import { packetVectors } from "./vectors/packet.ts"

const FILES: Readonly<Record<string, unknown>> = { ...configVectors, ...packetVectors }

const root = join(import.meta.dirname, "..", "vectors")
const check = process.argv.includes("--check")
let stale = 0

for (const [name, content] of Object.entries(FILES)) {
    const path = join(root, name)
    const text = `${JSON.stringify(content, null, 4)}\n`
    if (check) {
        if (read(path) === text) continue
        console.error(`vectors/${name}: out of date: run npx tsx tools/make-vectors.ts`)
        stale++
    } else {
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
    }
}
process.exitCode = stale === 0 ? 0 : 1

function read(path: string): string | null {
    try {
        return readFileSync(path, "utf8")
    } catch {
        return null
    }
}
