/** From the words of the command line to what they ask for, or every mistake in them. */
import { isIP, isIPv4 } from "node:net"
import type { Hit, Service, TcpFlags } from "../../core/knock/hit.ts"
import {
    parseDuration,
    parseFlags,
    parseHit,
    parseService,
    type Read,
    type Refused,
} from "../../core/knock/language.ts"
import { isDoorName, isHost, MAX_HITS, MAX_RETRIES } from "../../core/knock/limits.ts"
import type { Family } from "../../core/knock/plan.ts"
import type { Word } from "../../core/knock/texts.ts"

/** The options as commander gives them. */
export type RawOptions = {
    readonly ipv4?: true
    readonly ipv6?: true
    readonly delay?: string
    readonly retries?: string
    readonly timeout?: string
    readonly wait?: string | false
    readonly flags?: string
    readonly source?: string
    readonly sourcePort?: string
    readonly interface?: string
    readonly profile?: string
    readonly hitsFile?: string
    readonly force?: true
    readonly offline?: true
    readonly ignoreClock?: true
    readonly dryRun?: true
    readonly json?: true
    readonly quiet?: true
    readonly verbose?: true
}

/** What to knock: hits as typed, a door of a profile (null: its only one), or the hits of a file. */
export type Wanted =
    | { readonly from: "operands"; readonly hits: readonly Hit[] }
    | { readonly from: "door"; readonly door: string | null }
    | { readonly from: "file"; readonly file: string }

/** What the command line asks for. Undefined is what it leaves to the profile or the default. Milliseconds. */
export type Request = {
    readonly host: string
    readonly wanted: Wanted
    readonly families: readonly Family[]
    readonly delay: number | undefined
    readonly retries: number | undefined
    readonly timeout: number | undefined
    /** Null: do not wait, whatever the profile says. */
    readonly wait: Service | null | undefined
    readonly flags: TcpFlags | undefined
    readonly source: string | null
    readonly sourcePort: number | null
    readonly interface: string | null
    readonly profile: string | null
    readonly force: boolean
}

/** A mistake of the command line. `where` is an option, or HOST or HIT. */
export type Mistake =
    | { readonly code: "refused"; readonly where: string; readonly word: Word; readonly refused: Refused }
    | { readonly code: "number"; readonly where: string; readonly least: number; readonly most: number }
    | { readonly code: "too-long"; readonly where: string }
    | { readonly code: "udp-wait" }
    | { readonly code: "host" }
    | { readonly code: "address" }
    | { readonly code: "interface" }
    | { readonly code: "family"; readonly family: Family }
    | { readonly code: "both-sources" }
    | { readonly code: "too-many"; readonly most: number }

const MAX_WAIT = 3_600_000

/** Reads a command line. */
export function readRequest(
    host: string,
    operands: readonly string[],
    raw: RawOptions,
): { readonly ok: true; readonly request: Request } | { readonly ok: false; readonly mistakes: readonly Mistake[] } {
    const mistakes: Mistake[] = []
    const mistake = (found: Mistake): undefined => void mistakes.push(found)
    const read = <T>(where: string, word: Word, text: string | undefined, parse: (text: string) => Read<T>) => {
        if (text === undefined) return undefined
        const result = parse(text)
        return result.ok ? result.value : mistake({ code: "refused", where, word, refused: result })
    }
    const time = (where: string, text: string | undefined): number | undefined => {
        const ms = read(where, "duration", text, parseDuration)
        return ms !== undefined && ms > MAX_WAIT ? mistake({ code: "too-long", where }) : ms
    }
    const number = (where: string, text: string | undefined, least: number, most: number): number | undefined => {
        if (text === undefined) return undefined
        const good = /^(0|[1-9]\d{0,5})$/.test(text) && Number(text) >= least && Number(text) <= most
        return good ? Number(text) : mistake({ code: "number", where, least, most })
    }

    const name = /^\[.*\]$/.test(host) ? host.slice(1, -1) : host
    if (!isHost(name)) mistake({ code: "host" })
    if (raw.hitsFile !== undefined && operands.length > 0) mistake({ code: "both-sources" })
    if (operands.length > MAX_HITS) mistake({ code: "too-many", most: MAX_HITS })
    const wait = raw.wait === false ? null : read("--wait", "service", raw.wait, parseService)
    if (wait?.protocol === "udp") mistake({ code: "udp-wait" })
    if (raw.source !== undefined && isIP(raw.source) === 0) mistake({ code: "address" })
    if (raw.interface !== undefined && !/^[^\s/]{1,15}$/.test(raw.interface)) mistake({ code: "interface" })
    const request: Request = {
        host: name,
        wanted: readWanted(operands, raw.hitsFile, (word, refused) =>
            mistake({ code: "refused", where: word === "" ? '""' : word, word: "hit", refused }),
        ),
        families: readFamilies(raw, name, mistake),
        delay: time("--delay", raw.delay),
        retries: number("--retries", raw.retries, 0, MAX_RETRIES),
        timeout: time("--timeout", raw.timeout),
        wait,
        flags: read("--flags", "flags", raw.flags, parseFlags),
        source: raw.source ?? null,
        sourcePort: number("--source-port", raw.sourcePort, 1, 65_535) ?? null,
        interface: raw.interface ?? null,
        profile: raw.profile ?? null,
        force: raw.force === true,
    }
    return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, request }
}

/** One word that is no hit but could be a name is a door; nothing at all is the only door of a profile. */
function readWanted(
    operands: readonly string[],
    file: string | undefined,
    refuse: (word: string, refused: Refused) => void,
): Wanted {
    if (file !== undefined) return { from: "file", file }
    const [first, second] = operands
    if (first === undefined) return { from: "door", door: null }
    if (second === undefined && isDoorName(first)) return { from: "door", door: first }
    const hits: Hit[] = []
    for (const operand of operands) {
        const hit = parseHit(operand)
        if (hit.ok) hits.push(hit.value)
        else refuse(operand, hit)
    }
    return { from: "operands", hits }
}

/** The families that are asked for and possible with this source and this host. */
function readFamilies(raw: RawOptions, host: string, mistake: (found: Mistake) => void): readonly Family[] {
    const asked: readonly Family[] = raw.ipv4 === raw.ipv6 ? [6, 4] : raw.ipv4 ? [4] : [6]
    const forced = [raw.source, host].filter((text) => text !== undefined && isIP(text) !== 0)
    let families = asked
    for (const address of forced) {
        const family = isIPv4(address!) ? 4 : 6
        if (!families.includes(family)) mistake({ code: "family", family })
        families = [family]
    }
    return families
}
