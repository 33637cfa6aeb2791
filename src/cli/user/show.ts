/** `postern user show`: a knocker, from the file and, where a daemon runs, from what it knows. */
import { formatLink } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { daemonAt } from "../control/ask.ts"
import { bundleLines } from "../texts/bundle.ts"
import { inOneLine, labelOf } from "./add.ts"
import { knownKnocker, openFolder } from "./folder.ts"

/** Shows keys, doors, files, and how many sequences are left. */
export async function show(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    const read = await knownKnocker(folder, name, terminal)
    if (typeof read === "number") return read
    const { recipients, doors, generation, comment } = read.knocker
    let absent = false
    const daemon = daemonAt(options.socket, terminal, () => {
        absent = true
    })
    const answer = await daemon.ask({ ask: "bundle", knocker: name, secret: false }).finally(() => daemon.close())
    if (typeof answer === "number" && !absent) return answer
    const told = typeof answer === "number" ? null : answer
    if (options.json === true) {
        const keys = recipients.map(({ kind, line, comment: label }) => ({ kind, line, comment: label }))
        const { ok: _, answer: __, text: ___, ...bundle } = told ?? { ok: true, answer: "bundle", text: null }
        terminal.out(
            JSON.stringify({
                version: 1,
                name,
                keys,
                doors: doors ?? [...folder.doors],
                generation,
                comment,
                bundle: told && bundle,
            }),
        )
        return EXIT.ok
    }
    if (comment !== "") terminal.out(`comment     ${inOneLine(comment)}`)
    for (const key of recipients) terminal.out(`key         ${key.kind} ${labelOf(key)}`)
    terminal.out(`doors       ${doors === null ? `all: ${[...folder.doors].join(", ")}` : doors.join(", ")}`)
    if (generation > 0) terminal.out(`generation  ${generation}`)
    if (told === null) {
        terminal.say("postern: no daemon runs: what is left of the sequences is not known")
        return EXIT.ok
    }
    for (const line of bundleLines(told, Date.now())) terminal.out(line)
    const { url, gateway, key, place } = told
    if (url !== "") terminal.out(`link        ${formatLink({ url, gateway, knocker: name, key, place })}`)
    return EXIT.ok
}
