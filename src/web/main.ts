/** The web process from start to end: reads nothing but its directory, knows nothing of doors, and can do nothing else. */
import { EXIT, type ExitCode } from "../voice/exit.ts"
import type { Terminal } from "../voice/terminal.ts"
import { Certificate } from "./certificate.ts"
import type { WebOptions } from "./command.ts"
import { isPagePath, pageFiles } from "./page.ts"
import { DEFAULT_PLACE, handedPlaces, type Place, parsePlace } from "./places.ts"
import type { Resource } from "./reply.ts"
import { type Find, listen } from "./server.ts"
import { Shelf } from "./shelf.ts"
import { Tally } from "./tally.ts"

/** How often it says what was asked for, if anything was (ms). */
const SAY_EVERY = 3_600_000
/** So many characters of a name are in a line: enough to tell two apart, too few to fetch one. */
const NAME_SHOWN = 4
/** Where other hosts come to without TLS. */
const OPEN = /^http:\/\/(?!127\.|\[::1\]:)/
/** What a bundle is, to a browser: text. */
const BUNDLE = "text/plain; charset=utf-8"

/** Runs until it is told to end. */
export async function runWeb(directory: string, options: WebOptions, terminal: Terminal): Promise<ExitCode> {
    const places = placesOf(options, terminal)
    if (places === null || !pathFits(options.page, terminal)) return EXIT.usage
    if ((options.cert === undefined) !== (options.key === undefined)) {
        terminal.error("--cert and --key belong together", "give both, or neither behind a reverse proxy")
        return EXIT.usage
    }
    if (process.getuid?.() === 0) {
        terminal.warn(
            "it runs as root, and has no use for that",
            "run it as a user of its own: postern-web.service does",
        )
    }
    const say = (line: string) => terminal.say(`postern web: ${line}`)
    const shelf = await opened(() => Shelf.open(directory, changes(say)), `${directory}: `, terminal)
    if (shelf === null) return EXIT.failed
    const pages = await opened(() => (options.page === undefined ? NO_PAGES : pageFiles(options.page)), "", terminal)
    const certificate = pages && (await opened(() => certificateOf(options, say), "", terminal))
    const tally = new Tally()
    const told = { count: tally.count.bind(tally), access: accessOf(options, say) }
    const find: Find = async (word) => {
        const found = await shelf.find(word)
        if (found === "unreadable") return found
        return found === null ? (pages?.get(word) ?? null) : { type: BUNDLE, ...found }
    }
    const running = certificate && (await opened(() => listen(places, certificate.tls, find, told), "", terminal))
    if (running !== null) {
        if (options.page !== undefined && running.urls.some((url) => OPEN.test(url))) {
            terminal.warn(
                "the page comes by plain http: anybody on the way can change it, and then has the keys of who uses it; nor do browsers open RSA and OpenPGP keys in it",
                "give --cert and --key, or listen on 127.0.0.1 behind a reverse proxy that has https",
            )
        }
        say(`${running.urls.join(" ")} serves ${shelf.size} files of ${directory}`)
        await untilTold(() => sayCounts(tally, say))
        await running.close()
        sayCounts(tally, say)
        say("ended")
    }
    certificate?.tls?.close()
    shelf.close()
    return running === null ? EXIT.failed : EXIT.ok
}

/** A certificate, or that none is wanted. */
function certificateOf({ cert, key }: WebOptions, say: (line: string) => void): { readonly tls: Certificate | null } {
    return { tls: cert === undefined || key === undefined ? null : new Certificate({ cert, key }, say) }
}

/** Does it, or says why it cannot be done. */
async function opened<T>(open: () => T | Promise<T>, what: string, terminal: Terminal): Promise<T | null> {
    try {
        return await open()
    } catch (error) {
        if (!(error instanceof Error)) throw error
        const { code } = error as NodeJS.ErrnoException
        terminal.error(`${what}${error.message}`, ...(code === undefined ? [] : (HINTS[code] ?? [])))
        return null
    }
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
    EADDRINUSE: ["another program listens there: --listen names another place"],
    EADDRNOTAVAIL: ["this host has no such address: 0.0.0.0 and [::] are all that it has"],
    EACCES: ["ports below 1024 are for root: let systemd hand the socket over (postern-web.socket), or use a proxy"],
    ENOENT: ["is it the directory of [[bundles.publish]] in the configuration of the daemon?"],
}

/** Null: said what is wrong. What systemd hands over comes first, and then nothing else unless it is asked for. */
function placesOf({ listen: wanted }: WebOptions, terminal: Terminal): readonly Place[] | null {
    const handed = handedPlaces(terminal.env, process.pid)
    const places = [...handed]
    for (const text of wanted ?? (handed.length > 0 ? [] : [DEFAULT_PLACE])) {
        const place = parsePlace(text)
        if (place === null) {
            terminal.error(`--listen ${text}: not an address and a port`, "as in 127.0.0.1:8080 or '[::1]:8080'")
            return null
        }
        places.push(place)
    }
    return places
}

const NO_PAGES: ReadonlyMap<string, Resource> = new Map()

function pathFits(path: string | undefined, terminal: Terminal): boolean {
    if (path === undefined || isPagePath(path)) return true
    terminal.error(`--page ${path}: not a path for it`, "as in / or /k.html")
    return false
}

/** Says once that the directory cannot be read, and once that it can be again. */
function changes(say: (line: string) => void): (problem: string | null) => void {
    let last: string | null = null
    return (problem) => {
        if (problem === last) return
        last = problem
        say(problem === null ? "the directory can be read again" : `the directory cannot be read: ${problem}`)
    }
}

function accessOf({ accessLog }: WebOptions, say: (line: string) => void) {
    return (method: string, word: string, status: number, bytes: number): void => {
        if (accessLog !== true) return
        const name = word.length > NAME_SHOWN ? `${word.slice(0, NAME_SHOWN)}…` : word
        say(`${method} /${name} ${status} ${bytes}`)
    }
}

function sayCounts(tally: Tally, say: (line: string) => void): void {
    const counts = tally.take()
    if (counts !== null) say(`answered: ${counts}`)
}

/** Resolves at SIGTERM or SIGINT. */
async function untilTold(hourly: () => void): Promise<void> {
    const every = setInterval(hourly, SAY_EVERY)
    await new Promise<void>((resolve) => {
        for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve())
    })
    clearInterval(every)
}
