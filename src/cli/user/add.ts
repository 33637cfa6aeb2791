/** `postern user add`: a new knocker, or further keys of one who is there. */
import { formatKnocker } from "../../core/one-time/knocker.ts"
import { withKeys } from "../../core/one-time/knocker-edit.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { type Folder, type KnockerRead, openFolder, pathOf, readKnocker } from "./folder.ts"
import { rewrite } from "./hold.ts"
import { takeOver } from "./reload.ts"
import { type Gathered, gather, textWithin } from "./sources.ts"

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
    const unwanted = tell(whyNot(name, before !== null, options, folder), terminal)
    if (unwanted !== EXIT.ok) return unwanted
    const { keys, refused } = await gatherAll(options.key, terminal)
    for (const { where, why } of refused) terminal.warn(`${where}: ${why}`)
    if (keys.length === 0) {
        terminal.error(`${name}: no key of these can receive files: nothing was changed`)
        return EXIT.key
    }
    let fresh: Gathered["keys"] = []
    const written = await rewrite(folder, name, terminal, async (now) => {
        // As it is now: getting the keys may have taken its time.
        const told = tell(whyNot(name, now !== null, options, folder), terminal)
        if (told !== EXIT.ok) return told
        const known = new Set(now?.knocker.recipients.map(({ line }) => line))
        fresh = keys.filter(({ recipient: { line } }) => !known.has(line) && known.add(line))
        return fresh.length === 0 ? EXIT.ok : textWith(now, fresh, options)
    })
    if (written !== EXIT.ok) return written
    const file = pathOf(folder, name)
    if (options.json === true) {
        const lines = fresh.map(({ recipient: { kind, line, comment } }) => ({ kind, line, comment }))
        terminal.out(JSON.stringify({ version: 1, name, file, added: lines, refused }))
    } else {
        for (const { recipient } of fresh) terminal.out(`${name}: ${recipient.kind} ${labelOf(recipient)}`)
        const count = fresh.length === 1 ? "1 key" : `${fresh.length} keys`
        if (fresh.length === 0) terminal.say(`postern: ${name}: no key is new in ${file}`)
        else terminal.say(`postern: ${name}: ${count} added to ${file}`)
    }
    // Also where all of them were there: whoever wrote them may have been ended before the daemon heard of it.
    const taken = await takeOver(options.socket, terminal)
    return taken === EXIT.ok && refused.length > 0 ? EXIT.key : taken
}

/** The file of a knocker with these keys: as it was otherwise, or a new one. */
async function textWith(
    before: KnockerRead | null,
    fresh: Gathered["keys"],
    { door, comment = "" }: UserOptions,
): Promise<string> {
    const keys = fresh.map(({ text }) => text)
    if (before !== null) return withKeys(before.text, keys)
    return formatKnocker({ keys, doors: door.length === 0 ? null : [...new Set(door)], generation: 0, comment })
}

/** Wrong usage, where there is something to tell. */
function tell(what: readonly [string, string] | null, terminal: Terminal): ExitCode {
    if (what === null) return EXIT.ok
    terminal.error(...what)
    return EXIT.usage
}

/** What people know a key by: its comment, or the end of it. */
export function labelOf({ line, comment }: { readonly line: string; readonly comment: string }): string {
    const tail = line.length > 24 ? `…${line.slice(-12)}` : line
    return comment === "" ? tail : `${tail} ${comment}`
}

/** A comment may have been written with several. */
export function inOneLine(text: string): string {
    return text.trim().replaceAll(/\s+/g, " ")
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

async function gatherAll(sources: readonly string[], terminal: Terminal): Promise<Gathered> {
    let read: ReturnType<typeof textWithin> | null = null
    // Once, however often it is named.
    const stdin = () => {
        if (process.stdin.isTTY)
            terminal.say("postern: keys are read from this terminal: Ctrl-D in a line of its own ends them")
        read ??= textWithin(process.stdin)
        return read
    }
    const all: Gathered[] = []
    for (const source of sources) all.push(await gather(source, stdin, Date.now()))
    return { keys: all.flatMap(({ keys }) => keys), refused: all.flatMap(({ refused }) => refused) }
}
