/**
 * Publishes once, in a process that it ends: `node publish-worker FOLDER AT` uses a sequence and publishes, and kills itself
 * before its AT-th change of a disk (0: never). What it ends with is the number of changes.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gateway, PlainDesk } from "./publication.ts"

const [folder = "", at = "0"] = process.argv.slice(2)
const people: readonly (readonly [string, string])[] = JSON.parse(readFileSync(join(folder, "people"), "utf8"))
const desk = new PlainDesk()
// As a claim is: durable, and before anything is published.
const used = Number(readFileSync(join(folder, "used"), "utf8")) + 1
writeFileSync(join(folder, "used"), String(used))
for (const [name, recipient] of people) {
    desk.add(name, recipient)
    desk.next.set(name, used)
}
let changes = 0
const effect = () => {
    if (++changes === Number(at)) process.kill(process.pid, "SIGKILL")
}
const { publisher, lines } = gateway({ folder, desk, files: 4, effect })
await publisher.publishNow()
await publisher.stop()
if (lines.length > 0) throw new Error(lines.join("\n"))
process.stdout.write(String(changes))
