/**
 * Changes the file of a knocker as a command does, in a process that it ends: `node knockers-worker DIRECTORY NAME LINE AT`
 * adds a line, or takes the file away where LINE is "", and kills itself before its AT-th change of the disk (0: never).
 * Prints how many changes there were, or the code of what the system refused.
 */
import { HeldKnockers } from "../../src/adapters/knockers/held.ts"

const [directory = "", name = "", line = "", at = "0"] = process.argv.slice(2)
let changes = 0
const effect = () => {
    if (++changes === Number(at)) process.kill(process.pid, "SIGKILL")
}
try {
    const held = await HeldKnockers.take(directory, { group: undefined, patience: 20_000, effect })
    if (held === null) throw new Error("nobody lets go of it")
    const add = (text: string) => Promise.resolve(`${text}${line}\n`)
    if (line === "") await held.remove(name)
    else await held.write(name, (before) => add(typeof before?.text === "string" ? before.text : ""))
    await held.release()
    process.stdout.write(String(changes))
} catch (error) {
    process.stdout.write(error instanceof Error && "code" in error ? String(error.code) : String(error))
}
