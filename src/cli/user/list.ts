/** `postern user list`: everybody who gets one-time sequences. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { inOneLine } from "./add.ts"
import { openFolder, readKnockers } from "./folder.ts"

/** Lists them, by name. */
export async function list(options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    const knockers = await readKnockers(folder, terminal)
    if (typeof knockers === "number") return knockers
    if (options.json === true) {
        const all = knockers.map(({ name, recipients, doors, generation, comment }) => {
            const keys = recipients.map(({ kind, line, comment: label }) => ({ kind, line, comment: label }))
            return { name, keys, doors: doors ?? [...folder.doors], generation, comment }
        })
        terminal.out(JSON.stringify({ version: 1, knockers: all }))
        return EXIT.ok
    }
    const width = Math.max(0, ...knockers.map(({ name }) => name.length))
    for (const { name, recipients, doors, comment } of knockers) {
        const kinds = [...new Set(recipients.map(({ kind }) => kind))].join(", ")
        const keys = recipients.length === 1 ? "1 key" : `${recipients.length} keys`
        const where = doors === null ? "all doors" : doors.join(", ")
        terminal.out(
            `${name.padEnd(width)}  ${where}  ${keys} (${kinds})${comment === "" ? "" : `  ${inOneLine(comment)}`}`,
        )
    }
    if (knockers.length === 0) terminal.say(`postern: nobody: ${folder.directory} holds no knocker`)
    return EXIT.ok
}
