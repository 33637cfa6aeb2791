/**
 * A process with a journal, to be killed. Arguments: the directory, what to do, and a number.
 *
 * `loop N`: claims, raises and notes without end, and prints each that was answered `ok`; kills itself at the N-th
 * change of the disk, if N is not 0. `fill`: claims until it is refused, then makes room and claims once more. `open`:
 * says whether it could be opened.
 */
import { rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { openJournal } from "../../src/adapters/store/journal.ts"
import { parseAddress } from "../../src/core/net/address.ts"
import type { Store } from "../../src/ports/store.ts"
import { deadlyDisk } from "./deadly-disk.ts"

const [directory = "", what = "", number = "0"] = process.argv.slice(2)
const LATER = Number.MAX_SAFE_INTEGER - 1

function say(line: string): void {
    writeSync(1, `${line}\n`)
}

async function loop(store: Store): Promise<void> {
    const run = String(process.hrtime.bigint())
    const source = parseAddress("192.0.2.7")!
    const from = Number(process.hrtime.bigint() / 1000n)
    for (let i = 0; ; i++) {
        const acts = Array.from({ length: 1 + (i % 5) }, async (_, part) => {
            const id = `${run}-${i}-${part}`
            if ((await store.claim(id, LATER, LATER)).ok) say(`claim ${id}`)
        })
        acts.push(store.raise("counter", from + i, LATER).then(({ ok }) => void (ok && say(`count ${from + i}`))))
        const due = i % 3 === 0 ? null : from + i
        acts.push(store.note({ door: "d", source }, due).then(({ ok }) => void (ok && say(`note ${due}`))))
        await Promise.all(acts)
    }
}

async function fill(store: Store): Promise<void> {
    for (let i = 0; ; i++) {
        const result = await store.claim(`${"x".repeat(180)}-${i}`, LATER, LATER)
        if (result.ok) continue
        say(`${result.code}: ${result.detail}`)
        rmSync(join(directory, "filler"))
        const again = await store.claim(`${"x".repeat(180)}-${i}`, LATER, LATER)
        say(`${i > 100 ? "many" : "few"}, then ${again.ok ? "ok" : again.code}`)
        return
    }
}

const opening = await openJournal(directory, () => Date.now(), deadlyDisk(Number(number)))
if (!opening.ok) say(`${opening.code}: ${opening.detail}`)
else {
    say(`opened ${opening.found}`)
    if (what === "loop") await loop(opening.store)
    if (what === "fill") await fill(opening.store)
    await opening.store.close()
}
