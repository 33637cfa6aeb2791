/** `postern user add`: a new knocker, or further keys of one who is there. */
import { formatKnocker } from "../../core/one-time/knocker.ts"
import { withKeys } from "../../core/one-time/knocker-edit.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { type Folder, openFolder, pathOf, readKnocker, writeKnocker } from "./folder.ts"
import { takeOver } from "./reload.ts"
import { type Gathered, gather } from "./sources.ts"

/** Adds. Keys that can receive are taken even where others cannot: then the exit status is 4. */
export async function add(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    if (options.key.length === 0) {
        terminal.error(
            "no key was given",
            'such as --key "ssh-ed25519 AAAA…", --key FILE, or --key - for standard input',
        )
        return EXIT.usage
    }
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    const before = await readKnocker(folder, name, terminal)
    if (typeof before === "number") return before
    const unwanted = whyNot(name, before !== null, options, folder)
    if (unwanted !== null) {
        terminal.error(...unwanted)
        return EXIT.usage
    }
    const { keys, refused } = await gatherAll(options.key)
    for (const { where, why } of refused) terminal.warn(`${where}: ${why}`)
    const known = new Set(before?.knocker.recipients.map(({ line }) => line))
    const fresh = keys.filter(({ recipient: { line } }) => !known.has(line) && known.add(line))
    if (keys.length === 0) {
        terminal.error(`${name}: no key of these can receive files: nothing was changed`)
        return EXIT.key
    }
    const texts = fresh.map(({ text }) => text)
    if (texts.length > 0) {
        const doors = options.door.length === 0 ? null : [...new Set(options.door)]
        const { comment = "" } = options
        const text =
            before === null
                ? formatKnocker({ keys: texts, doors, generation: 0, comment })
                : await withKeys(before.text, texts)
        const written = await writeKnocker(folder, name, text, terminal)
        if (written !== EXIT.ok) return written
    }
    const file = pathOf(folder, name)
    if (options.json === true) {
        const lines = fresh.map(({ recipient: { kind, line, comment } }) => ({ kind, line, comment }))
        terminal.out(JSON.stringify({ version: 1, name, file, added: lines, refused }))
    } else {
        for (const { recipient } of fresh) terminal.out(`${name}: ${recipient.kind} ${labelOf(recipient)}`)
        terminal.say(`postern: ${name}: ${fresh.length === 1 ? "1 key" : `${fresh.length} keys`} added to ${file}`)
    }
    const taken = texts.length === 0 ? EXIT.ok : await takeOver(options.socket, terminal)
    return taken === EXIT.ok && refused.length > 0 ? EXIT.key : taken
}

/** What people know a key by: its comment, or the end of it. */
export function labelOf({ line, comment }: { readonly line: string; readonly comment: string }): string {
    const tail = line.length > 24 ? `…${line.slice(-12)}` : line
    return comment === "" ? tail : `${tail} ${comment}`
}

function whyNot(
    name: string,
    there: boolean,
    { more, door, comment }: UserOptions,
    { doors, directory }: Folder,
): [string, string] | null {
    if (there && more !== true)
        return [
            `${name} is there already`,
            `further keys: --more; another person: another name; postern user show ${name}`,
        ]
    if (!there && more === true)
        return [`${name} is not there yet`, `leave out --more; files of knockers are in ${directory}`]
    if (there && (door.length > 0 || comment !== undefined))
        return [
            "--door and --comment are for somebody new",
            `change them in ${directory}/${name}.toml, then postern reload`,
        ]
    const strange = door.find((one) => !doors.has(one))
    if (strange === undefined) return null
    return [`${strange}: no door of this name has one-time sequences`, `there are: ${[...doors].join(", ")}`]
}

async function gatherAll(sources: readonly string[]): Promise<Gathered> {
    let read: Promise<string> | null = null
    // Once, however often it is named.
    const stdin = () => {
        read ??= readStdin()
        return read
    }
    const all: Gathered[] = []
    for (const source of sources) all.push(await gather(source, stdin, Date.now()))
    return { keys: all.flatMap(({ keys }) => keys), refused: all.flatMap(({ refused }) => refused) }
}

async function readStdin(): Promise<string> {
    const parts: Buffer[] = []
    for await (const part of process.stdin) parts.push(Buffer.from(part))
    return Buffer.concat(parts).toString("utf8")
}
