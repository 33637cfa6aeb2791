/** The keys of a gateway that must outlive its host (spec/gateway-keys.md): what signs bundles, and what names their files. */
import { hexOf } from "../hex.ts"

/** 32 bytes each; times are milliseconds since 1970, whole seconds. */
export type GatewayKeys = {
    /** Names of files come from it. */
    readonly place: Uint8Array
    /** The one of now first, then those that it has replaced, the latest first. */
    readonly signing: readonly SigningKey[]
}

/** A private key (RFC 8032: the seed), and until when it signs. */
export type SigningKey = {
    readonly seed: Uint8Array
    readonly made: number
    /** Null: until another one takes its place. */
    readonly until: number | null
}

/** Why a text holds no keys. */
export type KeysRefusal =
    /** It does not begin as one. */
    | "not-keys"
    /** A later version. */
    | "version"
    /** Something is missing, changed or too much. */
    | "damaged"

/** What reading a text gives. */
export type KeysRead =
    | { readonly ok: true; readonly keys: GatewayKeys }
    | { readonly ok: false; readonly code: KeysRefusal }

const FIRST = "postern-gateway-keys 1"
const BYTES = 32
const HEX = /^[0-9a-f]{64}$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
/** Ours: keys that sign at once. A bundle has a signature of each. */
export const SIGNING_MOST = 4

type Sha256 = (bytes: Uint8Array) => Uint8Array

/** The text of the file; the last line is a sum, so that a damaged file is not taken for a whole one. */
export function formatKeys({ place, signing }: GatewayKeys, sha256: Sha256): string {
    const lines = [
        FIRST,
        `place ${hexOf(place)}`,
        ...signing.map(({ seed, made, until }) => {
            return `sign ${hexOf(seed)} made ${momentOf(made)}${until === null ? "" : ` until ${momentOf(until)}`}`
        }),
    ]
    const body = `${lines.join("\n")}\n`
    return `${body}sum ${sumOf(body, sha256)}\n`
}

/** Reads what `formatKeys` wrote, and nothing else. */
export function parseKeys(text: string, sha256: Sha256): KeysRead {
    const [first = "", ...lines] = text.split("\n")
    if (first !== FIRST) return { ok: false, code: /^postern-gateway-keys \d+$/.test(first) ? "version" : "not-keys" }
    const [, place = ""] = lines[0]?.split(" ") ?? []
    const signing = lines.slice(1, -2).map(parseSigning)
    const whole = signing.flatMap((key) => key ?? [])
    if (!HEX.test(place) || whole.length !== signing.length) return { ok: false, code: "damaged" }
    if (signing.length === 0 || signing.length > SIGNING_MOST) return { ok: false, code: "damaged" }
    const keys = { place: bytesOf(place), signing: whole }
    return formatKeys(keys, sha256) === text ? { ok: true, keys } : { ok: false, code: "damaged" }
}

/** Those that sign at this moment, the one of now first: a client that trusts any of them learns the first. */
export function signingAt({ signing }: GatewayKeys, now: number): readonly SigningKey[] {
    return signing.filter(({ until }, index) => index === 0 || (until !== null && until > now))
}

/**
 * A new key takes the place of the one of now, which goes on to sign beside it for `grace` (ms). Keys whose time is over
 * are forgotten; of too many the oldest is.
 */
export function rotateKeys(keys: GatewayKeys, seed: Uint8Array, now: number, grace: number): GatewayKeys {
    const made = seconds(now)
    const before = signingAt(keys, now).map((key) =>
        key.until === null ? { ...key, until: seconds(now + grace) } : key,
    )
    return { ...keys, signing: [{ seed, made, until: null }, ...before].slice(0, SIGNING_MOST) }
}

/** The first keys of a gateway. `place` and `seed`: random bytes. */
export function firstKeys(place: Uint8Array, seed: Uint8Array, now: number): GatewayKeys {
    return { place, signing: [{ seed, made: seconds(now), until: null }] }
}

function parseSigning(line: string): SigningKey | null {
    const [word, seed = "", made, at = "", until, end = "", ...more] = line.split(" ")
    if (word !== "sign" || made !== "made" || !HEX.test(seed) || !MOMENT.test(at) || more.length > 0) return null
    if (until !== undefined && (until !== "until" || !MOMENT.test(end))) return null
    return { seed: bytesOf(seed), made: Date.parse(at), until: until === undefined ? null : Date.parse(end) }
}

function seconds(ms: number): number {
    return Math.floor(ms / 1000) * 1000
}

/** RFC 3339, in UTC. A date that is none (of month 13) is told from one by what it is written back as. */
function momentOf(ms: number): string {
    return Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(0, 19)}Z` : ""
}

function sumOf(body: string, sha256: Sha256): string {
    return hexOf(sha256(Uint8Array.from(body, (letter) => letter.charCodeAt(0)))).slice(0, BYTES)
}

function bytesOf(hex: string): Uint8Array {
    return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}
