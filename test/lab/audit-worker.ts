/**
 * A process with an audit trail, to be killed. Arguments: the directory, what to do, and a number.
 *
 * `loop N`: writes without end, and prints the serial of what is durable; kills itself at the N-th change of the disk, if
 * N is not 0. `fill`: writes until the disk is full and the queue, too; then makes room and waits until all is well.
 * `stuck`: says what becomes of an entry.
 */
import { rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { openAudit, QUEUE_MOST } from "../../src/adapters/audit/file.ts"
import type { AuditFact } from "../../src/core/audit/entry.ts"
import { EVERYTHING } from "../../src/core/audit/filter.ts"
import type { Audit } from "../../src/ports/audit.ts"
import { deadlyDisk } from "./deadly-disk.ts"

const [directory = "", what = "", number = "0"] = process.argv.slice(2)

function say(line: string): void {
    writeSync(1, `${line}\n`)
}

const fact = (count: number): AuditFact => ({ what: "suppressed", count })

async function loop(audit: Audit): Promise<void> {
    for (let i = 0; ; i++) {
        const until = audit.health().serial + 1 + (i % 5)
        for (let serial = audit.health().serial + 1; serial <= until; serial++) audit.write(fact(serial))
        while (audit.health().serial < until) await pause(0)
        say(String(until))
    }
}

async function fill(audit: Audit): Promise<void> {
    while (audit.health().trouble === null) {
        for (let i = 0; i < 100; i++) audit.write(fact(i))
        while (audit.health().trouble === null && audit.health().waiting > 0) await pause(0)
    }
    const { serial } = audit.health()
    for (let i = 0; i < QUEUE_MOST + 100; i++) audit.write(fact(i))
    rmSync(join(directory, "filler"))
    while (audit.health().trouble !== null || audit.health().waiting > 0) await pause(1)
    const { entries } = await audit.read({ after: 0, last: 1, filter: { ...EVERYTHING, kinds: ["lost"] } })
    const [lost] = entries
    say(lost?.what === "lost" && lost.count === audit.health().lost && lost.count >= 100 ? "told" : "not told")
    let after = 0
    for (let more = true; more; ) {
        const page = await audit.read({ after, last: null, filter: EVERYTHING })
        ;({ next: after, more } = page)
        if (page.missing > 0) say(`missing ${page.missing}`)
    }
    say(after === audit.health().serial && after > serial + QUEUE_MOST ? "all there" : `up to ${after}`)
}

const disk = deadlyDisk(Number(number))(directory)
if (disk === null) say("locked")
else {
    const { audit, last } = await openAudit(disk, {
        now: () => Date.now(),
        news: ({ trouble }) => trouble !== null && say(`trouble: ${trouble}`),
        retry: 20,
        fileMost: what === "loop" ? 2000 : 20_000,
    })
    say(`after ${last?.serial ?? 0}`)
    if (what === "loop") await loop(audit)
    if (what === "fill") await fill(audit)
    if (what === "stuck") audit.write(fact(1))
    await audit.close()
    if (what === "stuck") say(`waiting ${audit.health().waiting}`)
    await disk.close()
}
