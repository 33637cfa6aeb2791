/** What `postern enroll` does. */
import { closeSync, existsSync, openSync } from "node:fs"
import { dirname, join } from "node:path"
import { formatBundleProfile, type ProfileBundle } from "../../core/knock/profile-bundle.ts"
import { quoted } from "../../core/one-time/by-hand.ts"
import { type EnrolmentLink, parseLink } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { errorCode } from "../knock/errors.ts"
import { isProfileName } from "../knock/profiles.ts"
import { readText } from "../read-some.ts"
import { makeFolder, saveSecret } from "../save.ts"
import { linkText, readingText, remarkText, troubleText } from "../texts/device.ts"
import { isDenied, systemText } from "../texts/system.ts"
import { asWritten, chooseKeys, type Keys } from "./choose.ts"
import { enrolmentOf } from "./enrolment.ts"
import { deviceKeyFile, expanded, profileFolder } from "./folders.ts"
import { type Enrolment, FETCH_TIMEOUT, fetchBundle, keepingTrouble, type Trouble } from "./obtain.ts"
import { readKey } from "./reading.ts"
import { asJson, shownOf, summary } from "./show.ts"
import { tell } from "./tell.ts"

/** The options as commander gives them. */
export type EnrollOptions = {
    readonly identity?: readonly string[]
    readonly new?: true
    readonly decryptWith?: string
    readonly name?: string
    readonly replace?: true
    readonly json?: true
}

/** Ours: a link is much shorter. */
const MAX_LINK_FILE = 64 * 1024

/** Enrols this device, and tries whether it can read what is published. */
export async function enrollAsAsked(text: string, options: EnrollOptions, terminal: Terminal): Promise<ExitCode> {
    const link = readLink(text, terminal)
    if (typeof link === "number") return link
    const name = options.name ?? link.gateway.replaceAll(":", "-")
    if (!isProfileName(name)) {
        terminal.error(`--name ${name}: not the name of a profile`, "letters, digits, - _ and ., such as gate")
        return EXIT.usage
    }
    const file = join(profileFolder(terminal.env), `${name}.toml`)
    if (existsSync(file) && !options.replace) {
        terminal.error(`${file}: is there already`, "another --name, or --replace; nothing was changed")
        return EXIT.usage
    }
    const keys = await keysFor(options, terminal)
    if (typeof keys === "number") return keys
    const bundle: ProfileBundle = { link, ...keys }
    const enrolment = enrolmentOf(bundle, terminal.env)
    // The keys are looked at before anything is written: a profile with a key that cannot decrypt is of no use.
    const reading = await enrolment.reading()
    if ("trouble" in reading) return tell(readingText(reading, name), terminal)
    try {
        enrolment.keeping.begin(link.key)
    } catch (error) {
        return tell(troubleText(keepingTrouble(enrolment, error), name), terminal)
    }
    const remark = `Knocks at ${link.gateway} as ${link.knocker}. Made by postern enroll; see postern-knock(1).`
    const saved = save(file, formatBundleProfile(remark, bundle), options.replace === true, terminal)
    if (saved !== EXIT.ok) return saved
    return tryIt(enrolment, name, file, await publicKeysOf(enrolment, terminal), options, terminal)
}

/** Fetches at once, and says what was found. That there is nothing yet is how most enrolments begin. */
async function tryIt(
    enrolment: Enrolment,
    name: string,
    file: string,
    keys: readonly string[],
    options: EnrollOptions,
    terminal: Terminal,
): Promise<ExitCode> {
    const { link } = enrolment.bundle
    const obtained = await fetchBundle(enrolment, FETCH_TIMEOUT, new AbortController().signal)
    const waits = !obtained.ok && isEarly(obtained.trouble)
    const shown = obtained.ok ? shownOf(obtained.bundle, link.gateway, enrolment.keeping, null) : null
    if (options.json) {
        const bundle = shown && asJson(shown, false)
        const why = obtained.ok ? null : troubleText(obtained.trouble, name).said[0]
        terminal.out(JSON.stringify({ profile: file, name, gateway: link.gateway, key: link.key, keys, bundle, why }))
    } else {
        terminal.say(`profile: ${file}`)
        terminal.say(`gateway: ${link.gateway}, with the key ${link.key}`)
        if (shown !== null) for (const line of summary(shown, enrolment.now())) terminal.out(line)
    }
    if (obtained.ok) {
        for (const remark of obtained.remarks) terminal.warn(remarkText(remark))
        const [first] = obtained.bundle.doors
        if (!options.json && first !== undefined) terminal.say(`knock: postern knock ${name} ${first.name}`)
        return EXIT.ok
    }
    if (!waits) {
        const code = tell(troubleText(obtained.trouble, name), terminal)
        terminal.say("postern: hint: the profile is made all the same: try again with postern fetch " + name)
        return code
    }
    if (options.json) return EXIT.ok
    terminal.say("there is no bundle for this device yet: give this line to the operator, and then try")
    terminal.say(`postern fetch ${name}`)
    // A bundle that is for other keys is there because the operator has added those.
    const known = !obtained.ok && obtained.trouble.code === "unseal"
    for (const line of operatorLines(enrolment.bundle, keys, known, terminal)) terminal.out(line)
    return EXIT.ok
}

/** Is it only that the operator has not added this device's key yet? */
function isEarly(trouble: Trouble): boolean {
    return trouble.code === "get"
        ? trouble.refusal === "absent"
        : trouble.code === "unseal" && trouble.why === "not-for-us"
}

/** What the operator types to let this device in; `known`: beside others of the same person. */
function operatorLines(
    { link, decryptWith, identities }: ProfileBundle,
    keys: readonly string[],
    known: boolean,
    { env }: Terminal,
): readonly string[] {
    const add = `postern user add ${link.knocker} ${known ? "--more " : ""}--key`
    if (keys.length > 0)
        return keys.map((key) =>
            key.includes("\n") ? `${add} - <<'END'\n${key.trimEnd()}\nEND` : `${add} ${quoted(key)}`,
        )
    return decryptWith === "gpg"
        ? [`gpg --armor --export YOU | ${add} -`]
        : [`age-keygen -y ${identities.map((path) => quoted(expanded(env, path))).join(" ")} | ${add} -`]
}

function readLink(text: string, terminal: Terminal): EnrolmentLink | ExitCode {
    let whole = text
    if (!/^https?:/.test(text)) {
        try {
            whole = text === "-" ? readText(0, MAX_LINK_FILE) : readTextOf(text)
        } catch (error) {
            const from = text === "-" ? "standard input" : text
            terminal.error(`${from}: cannot be read: ${systemText(errorCode(error))}`, "a link begins with https://")
            return EXIT.usage
        }
    }
    const read = parseLink(whole)
    if (read.ok) return read.link
    terminal.error(...linkText(read.code))
    return EXIT.usage
}

function readTextOf(file: string): string {
    const fd = openSync(file, "r")
    try {
        return readText(fd, MAX_LINK_FILE)
    } finally {
        closeSync(fd)
    }
}

async function keysFor(options: EnrollOptions, terminal: Terminal): Promise<Keys | ExitCode> {
    if (!options.new) return chooseKeys(options.identity ?? [], options.decryptWith, terminal)
    if (options.identity !== undefined || options.decryptWith !== undefined) {
        terminal.error("--new: makes a key, so it goes with neither --identity nor --decrypt-with")
        return EXIT.usage
    }
    const file = deviceKeyFile(terminal.env)
    const { makeKey } = await import("../key/make.ts")
    const made = await makeKey(file, "age", new Date())
    // The key that it has already is as good: nobody else has it.
    if (!made.ok && made.code !== "EEXIST") return unwritable(file, made.code, terminal)
    return { identities: [asWritten(file, terminal)], decryptWith: "postern" }
}

async function publicKeysOf(enrolment: Enrolment, { env }: Terminal): Promise<readonly string[]> {
    const { identities: files, decryptWith } = enrolment.bundle
    const reading = await enrolment.reading()
    if (decryptWith !== "postern" || "trouble" in reading) return []
    const { publicKeys } = await import("../../adapters/sealing/portable/public.ts")
    const { readIdentities } = await import("../../adapters/sealing/portable/identity.ts")
    const keys: string[] = []
    for (const path of files) {
        const file = readKey(expanded(env, path))
        if ("trouble" in file) continue
        const read = await readIdentities(file, null)
        keys.push(...(await publicKeys(file, read.ok ? read.identities : reading.identities)))
    }
    return [...new Set(keys)]
}

function save(file: string, text: string, replace: boolean, terminal: Terminal): ExitCode {
    try {
        makeFolder(dirname(file))
        saveSecret(file, text, replace)
        return EXIT.ok
    } catch (error) {
        return unwritable(file, errorCode(error), terminal)
    }
}

function unwritable(file: string, code: string, terminal: Terminal): ExitCode {
    terminal.error(`${file}: cannot be written: ${systemText(code)}`)
    return isDenied(code) ? EXIT.permission : EXIT.failed
}
