/** `postern user remove`: from now on nothing opens for a knocker. */

import { existsSync } from "node:fs"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { openFolder, pathOf, readKnockers, removeKnocker } from "./folder.ts"
import { takeOver } from "./reload.ts"

/** Takes the file away; the daemon forgets the sequences and ends what is open to them. */
export async function remove(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    const file = pathOf(folder, name)
    if (!existsSync(file)) {
        const knockers = await readKnockers(folder, terminal)
        const names = typeof knockers === "number" ? [] : knockers.slice(0, 20).map((one) => one.name)
        terminal.error(
            `${name}: there is no such knocker`,
            names.length === 0 ? `${folder.directory} holds nobody` : `there are: ${names.join(", ")}`,
        )
        return EXIT.usage
    }
    const removed = await removeKnocker(folder, name, terminal)
    if (removed !== EXIT.ok) return removed
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, name, file }))
    else terminal.say(`postern: ${name}: removed ${file}`)
    return takeOver(options.socket, terminal, `the file is gone, but the daemon still opens for ${name}`)
}
