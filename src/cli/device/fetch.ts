/** What `postern fetch` does. */
import { closeSync, openSync } from "node:fs"
import { parseDuration } from "../../core/knock/language.ts"
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import { MAX_FILE } from "../../core/one-time/accept.ts"
import { parseLink } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { errorCode } from "../knock/errors.ts"
import { profileFor } from "../knock/profiles.ts"
import { tellFileTrouble } from "../knock/trouble.ts"
import { readSome } from "../read-some.ts"
import { linkText, remarkText, troubleText } from "../texts/device.ts"
import { noDoorText } from "../texts/knock.ts"
import { systemText } from "../texts/system.ts"
import { chooseKeys } from "./choose.ts"
import { enrolmentOf } from "./enrolment.ts"
import { profileFolder } from "./folders.ts"
import {
    cachedBundle,
    type Enrolment,
    FETCH_TIMEOUT,
    fetchBundle,
    keepingTrouble,
    type Obtained,
    takeBundle,
} from "./obtain.ts"
import { asJson, byHand, shownOf, summary } from "./show.ts"
import { tell } from "./tell.ts"

/** The options as commander gives them. */
export type FetchOptions = {
    readonly print?: true
    readonly file?: string
    readonly offline?: true
    readonly identity?: readonly string[]
    readonly decryptWith?: string
    readonly timeout?: string
    readonly ignoreClock?: true
    readonly afresh?: true
    readonly json?: true
    readonly quiet?: true
}

/** Where the bundle is: what a profile or a link says. */
type Wanted = { readonly bundle: ProfileBundle; readonly host: string; readonly name: string }

/** Ours: whoever waits longer does not wait for a file of a few KiB. */
const MAX_TIMEOUT = 600_000

/** Fetches and shows. */
export async function fetchAsAsked(
    text: string,
    door: string | null,
    options: FetchOptions,
    terminal: Terminal,
): Promise<ExitCode> {
    const time = options.timeout === undefined ? null : parseDuration(options.timeout)
    if (time !== null && !(time.ok && time.value > 0 && time.value <= MAX_TIMEOUT)) {
        terminal.error(`--timeout ${options.timeout}: not a time to wait for a file`, "such as 10s or 2m: up to 10m")
        return EXIT.usage
    }
    if (options.file !== undefined && options.offline) {
        terminal.error("--file and --offline: give one of them")
        return EXIT.usage
    }
    const isLink = /^https?:/.test(text)
    const wanted = isLink ? await byLink(text, options, terminal) : await byProfile(text, options, terminal)
    if (typeof wanted === "number") return wanted
    const enrolment = enrolmentOf(wanted.bundle, terminal.env, options.ignoreClock === true)
    const brought = options.file === undefined ? null : readFile(options.file)
    if (brought !== null && "detail" in brought) {
        terminal.error(
            `${options.file === "-" ? "standard input" : options.file}: cannot be read: ${systemText(brought.detail)}`,
        )
        return EXIT.usage
    }
    try {
        // A link is the operator's word, here and now; a profile that has lost what it knew is not.
        const first = isLink || options.afresh
        if (first && enrolment.keeping.trusted() === null) enrolment.keeping.begin(wanted.bundle.link.key)
        const obtained = await obtain(
            enrolment,
            brought?.bytes ?? null,
            options,
            time?.ok === true ? time.value : FETCH_TIMEOUT,
        )
        if (!obtained.ok) return tell(troubleText(obtained.trouble, wanted.name), terminal)
        for (const remark of obtained.remarks) terminal.warn(remarkText(remark))
        return show(obtained, wanted, enrolment, door, options, terminal)
    } catch (error) {
        return tell(troubleText(keepingTrouble(enrolment, error), wanted.name), terminal)
    }
}

function show(
    { bundle }: Extract<Obtained, { ok: true }>,
    { host, name }: Wanted,
    { keeping, now }: Enrolment,
    door: string | null,
    options: FetchOptions,
    terminal: Terminal,
): ExitCode {
    const shown = shownOf(bundle, host, keeping, door)
    if (door !== null && shown.doors.length === 0) {
        const known = bundle.doors.map((one) => one.name)
        terminal.error(...noDoorText(name, door, known))
        return EXIT.usage
    }
    if (options.json) terminal.out(JSON.stringify(asJson(shown, options.print === true)))
    else if (options.print) for (const line of byHand(shown)) terminal.out(line)
    else if (!options.quiet) for (const line of summary(shown, now())) terminal.out(line)
    return EXIT.ok
}

async function obtain(
    enrolment: Enrolment,
    file: Uint8Array | null,
    options: FetchOptions,
    timeout: number,
): Promise<Obtained> {
    if (file !== null) return takeBundle(enrolment, file)
    if (options.offline) return cachedBundle(enrolment)
    return fetchBundle(enrolment, timeout, new AbortController().signal)
}

function readFile(file: string): { readonly bytes: Uint8Array } | { readonly detail: string } {
    try {
        return { bytes: read(file) }
    } catch (error) {
        return { detail: errorCode(error) }
    }
}

/** A file of at most the size of a bundle. Throws what the system refuses. */
function read(file: string): Uint8Array {
    const fd = file === "-" ? 0 : openSync(file, "r")
    try {
        // What is too large is refused with the reason for bundles.
        return readSome(fd, MAX_FILE) ?? new Uint8Array(MAX_FILE + 1)
    } finally {
        if (fd !== 0) closeSync(fd)
    }
}

async function byProfile(host: string, options: FetchOptions, terminal: Terminal): Promise<Wanted | ExitCode> {
    if (options.identity !== undefined || options.decryptWith !== undefined) {
        terminal.error("--identity, --decrypt-with: the profile says that", "postern enroll LINK --replace changes it")
        return EXIT.usage
    }
    const loaded = await profileFor(host, terminal.env, true)
    if (loaded === null) {
        const folder = profileFolder(terminal.env)
        terminal.error(`there is no profile for ${host} in ${folder}`, "postern enroll LINK makes one")
        return EXIT.usage
    }
    if (!loaded.ok) return tellFileTrouble(loaded.trouble, terminal)
    const { bundle } = loaded.value
    if (bundle !== null) return { bundle, host: loaded.value.host, name: host }
    terminal.error(
        `the profile of ${host} has no bundle, only fixed sequences`,
        "postern enroll LINK makes one that has",
    )
    return EXIT.usage
}

async function byLink(text: string, options: FetchOptions, terminal: Terminal): Promise<Wanted | ExitCode> {
    const read = parseLink(text)
    if (!read.ok) {
        terminal.error(...linkText(read.code))
        return EXIT.usage
    }
    const keys = await chooseKeys(options.identity ?? [], options.decryptWith, terminal)
    if (typeof keys === "number") return keys
    return { bundle: { link: read.link, ...keys }, host: read.link.gateway, name: read.link.gateway }
}
