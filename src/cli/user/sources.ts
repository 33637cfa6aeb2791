/** Where keys come from on a command line: the line itself, a file, standard input, or an address of the web. */
import { readKey } from "../../adapters/sealing/read-key.ts"
import { readTextFile } from "../../adapters/system/text-file.ts"
import { MAX_KEY_TEXT, type Recipient, splitKeys } from "../../core/one-time/recipient.ts"
import { messageOf } from "../../core/thrown.ts"

/** Ours: a server has so long (ms), and sends so much (bytes) at most. */
const FETCH_MS = 10_000
const MOST = 4 * MAX_KEY_TEXT
/** As many redirections are followed; the statuses that say where else it is (RFC 9110, section 15.4). */
const MOST_STEPS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** The keys of a source: those that can receive files as they are written there, and, for each of the others, why not. */
export type Gathered = {
    readonly keys: readonly { readonly text: string; readonly recipient: Recipient }[]
    /** `where`: the source, with the line where it has several. */
    readonly refused: readonly { readonly where: string; readonly why: string }[]
}

const TOO_MUCH = "more than any list of keys has (1 MiB)"
const BEGIN = "keys begin with age1, ssh-ed25519, ssh-rsa or -----BEGIN PGP PUBLIC KEY BLOCK-----"

/** What begins so is a key and no file. */
const LITERAL = /^(age1|ssh-|ecdsa-|sk-|-----BEGIN |AGE-)|\s/i

/** Takes the keys of one `--key`. `stdin`: reads standard input to its end. Nothing throws. */
export async function gather(source: string, stdin: () => Promise<Text>, now: number): Promise<Gathered> {
    if (source.trim() === "") return { keys: [], refused: [{ where: "--key", why: `it is empty: ${BEGIN}` }] }
    const literal = LITERAL.test(source)
    const read = literal ? source : await textOf(source, stdin)
    // What may be a secret by mistake is not repeated.
    const name = literal ? "--key" : source === "-" ? "standard input" : source
    if (typeof read !== "string") return { keys: [], refused: [{ where: name, why: read.why }] }
    if (/^\s*<(!doctype|html|\?xml)\b/i.test(read))
        return { keys: [], refused: [{ where: name, why: "this is a page to look at, and no list of keys" }] }
    const found = splitKeys(read)
    if (found.length === 0) return { keys: [], refused: [{ where: name, why: "there is no key in it" }] }
    const keys: Gathered["keys"][number][] = []
    const refused: { where: string; why: string }[] = []
    let from = 0
    // A key that was broken into lines is not one mistake for each of them.
    let running = false
    const refuse = (where: string, line: number, why: string) => {
        const last = refused.at(-1)
        if (running && last?.why === why) last.where = `${name}:${from}-${line}`
        else {
            refused.push({ where, why })
            from = line
        }
    }
    for (const { line, text } of found) {
        const one = await readKey(text, now)
        const where = found.length === 1 ? name : `${name}:${line}`
        const why = one.ok ? one.doubt && `${one.doubt}: ask for a new one` : one.why
        if (why !== undefined) refuse(where, line, why)
        running = why !== undefined
        if (one.ok && why === undefined) keys.push({ text: written(one.recipient), recipient: one.recipient })
    }
    return { keys, refused }
}

/** A key as it is written into a file: with the comment of an SSH key, so that people know it again. */
function written({ kind, line, text, comment }: Recipient): string {
    if (kind === "openpgp") return `${text.trim()}\n`
    return kind.startsWith("ssh-") && comment !== "" ? `${line} ${comment}` : line
}

/** What was read, or why it was not. */
type Text = string | { readonly why: string }

async function textOf(source: string, stdin: () => Promise<Text>): Promise<Text> {
    if (source === "-") return stdin()
    if (/^https?:\/\//i.test(source)) return fetchText(source)
    const { text } = readTextFile(source, MOST)
    if (typeof text === "string") return text
    if (text.trouble === "missing") return { why: `there is no such file, and it is no key either: ${BEGIN}` }
    if (text.trouble === "not-a-file") return { why: "this is not a file: --key - reads what a program prints" }
    if (text.trouble === "too-large") return { why: TOO_MUCH }
    return { why: `cannot be read (${text.detail === "" ? text.trouble : text.detail})` }
}

/** The text at an address. Whoever can change it on the way would get a key of his own in: so it is https alone. */
async function fetchText(address: string): Promise<Text> {
    if (!URL.canParse(address)) return { why: "not an address of the web" }
    let url = new URL(address)
    if (!isSafe(url)) return { why: "http can be changed on the way: take https" }
    try {
        const signal = AbortSignal.timeout(FETCH_MS)
        let response = await fetch(url, { signal, redirect: "manual" })
        // Each step by itself: whoever can change one of them sends us wherever he likes.
        for (let steps = 0; REDIRECTS.has(response.status); steps++) {
            const location = response.headers.get("location") ?? ""
            await response.body?.cancel()
            if (steps === MOST_STEPS || !URL.canParse(location, url.href)) return { why: "it leads nowhere" }
            url = new URL(location, url)
            if (!isSafe(url)) return { why: "it leads to an address that is not https" }
            response = await fetch(url, { signal, redirect: "manual" })
        }
        if (!response.ok) return { why: `the server answers ${response.status}` }
        return await textWithin(response.body ?? [])
    } catch (error) {
        if (error instanceof Error && error.name === "TimeoutError")
            return { why: `no answer within ${FETCH_MS / 1000} s` }
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
        return { why: `cannot be fetched: ${messageOf(cause)}` }
    }
}

/** Can nobody on the way change what comes from there? */
function isSafe({ protocol, hostname }: URL): boolean {
    return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname))
}

/** The text of a stream that may never end. Throws what the stream throws. */
export async function textWithin(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Text> {
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of stream) {
        parts.push(part)
        size += part.length
        // Leaving the loop ends the transfer.
        if (size > MOST) return { why: TOO_MUCH }
    }
    return Buffer.concat(parts).toString("utf8")
}
