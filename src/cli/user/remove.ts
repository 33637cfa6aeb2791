/** `postern user remove`: from now on nothing opens for a knocker. */
import { existsSync } from "node:fs"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { daemonAt } from "../control/ask.ts"
import { openFolder, pathOf, readKnockers } from "./folder.ts"
import { holding } from "./hold.ts"
import { takeOver } from "./reload.ts"

/** Takes the file away; the daemon forgets the sequences and ends what is open to them. */
export async function remove(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    const file = pathOf(folder, name)
    let removed = false
    if (existsSync(folder.directory)) {
        const done = await holding(folder, terminal, async (held) => {
            removed = await held.remove(name)
            return EXIT.ok
        })
        if (done !== EXIT.ok) return done
    }
    if (!removed && !(await isKnown(name, options.socket, terminal))) {
        const knockers = await readKnockers(folder, terminal)
        if (knockers === EXIT.permission) return knockers
        const names = typeof knockers === "number" ? [] : knockers.slice(0, 20).map((one) => one.name)
        terminal.error(
            `${name}: there is no such knocker`,
            names.length === 0 ? `${folder.directory} holds nobody` : `there are: ${names.join(", ")}`,
        )
        return EXIT.usage
    }
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, name, file }))
    else terminal.say(`postern: ${name}: ${removed ? `removed ${file}` : `${file} was gone already`}`)
    return takeOver(options.socket, terminal, `the file is gone, but the daemon still opens for ${name}`)
}

/** Does the daemon open for somebody whose file is gone? Whoever took that away was ended before the daemon heard of it. */
async function isKnown(name: string, socket: string | undefined, terminal: Terminal): Promise<boolean> {
    const daemon = daemonAt(socket, { ...terminal, error: () => {} }, () => {})
    try {
        const answer = await daemon.ask({ ask: "bundle", knocker: name, secret: false })
        return typeof answer !== "number" && answer.known
    } finally {
        daemon.close()
    }
}
