/**
 * Enrolment links: all that a device must know to find a knocker's bundles and to trust them, in one line that can be
 * sent, or shown as a QR code (spec/enrolment.md, section 1).
 */
import { isHost } from "../knock/limits.ts"
import { NAME } from "./bundle.ts"
import { PLACE } from "./place.ts"

/** What a link says. */
export type EnrolmentLink = {
    /** Where the files are; ends with a slash. */
    readonly url: string
    /** Where knocks go, and whose bundles these are. */
    readonly gateway: string
    readonly knocker: string
    /** The key that bundles must be signed with: base64 (RFC 4648) of 32 bytes, as in a bundle. */
    readonly key: string
    /** What the names of this knocker's files are made of: 32 letters of base32. */
    readonly place: string
}

/** Why a text is no link, or which part of it is not as it must be. */
export type LinkRefusal = "not-a-link" | "version" | "shape" | keyof EnrolmentLink

/** What reading a link gives. */
export type LinkRead =
    | { readonly ok: true; readonly link: EnrolmentLink }
    | { readonly ok: false; readonly code: LinkRefusal }

const FIELDS = ["postern", "gateway", "knocker", "key", "place"]
/** RFC 3986: no user, no query, no fragment, and a path that ends with a slash. */
const URL =
    /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*\/$/
const MAX_URL = 1024
/** 32 bytes have 256 bits, 43 letters have 258: the last two say nothing, and are zero. */
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/** Can files be found below this? An http or https URL that ends with a slash. */
export function isBundleUrl(text: string): boolean {
    return text.length <= MAX_URL && URL.test(text)
}

/** Is this the base64 of a signing key, in the only way to write it? */
export function isSigningKey(text: string): boolean {
    return KEY.test(text)
}

/** Is this a place? */
export function isPlace(text: string): boolean {
    return PLACE.test(text)
}

/** Can knocks go there, and can a bundle say so? */
export function isGateway(text: string): boolean {
    return NAME.test(text) && isHost(text)
}

/** The link: one line, the same for the same contents. */
export function formatLink({ url, gateway, knocker, key, place }: EnrolmentLink): string {
    return `${url}#postern=1&gateway=${gateway}&knocker=${knocker}&key=${base64url(key)}&place=${place}`
}

/** Reads a link; blanks around it, as they come with copying, do not matter. */
export function parseLink(text: string): LinkRead {
    const [url, fragment = "", ...more] = text.trim().split("#")
    const parts = fragment.split("&").map((part) => part.split("="))
    if (parts[0]![0] !== "postern" || more.length > 0) return refuse("not-a-link")
    if (parts[0]![1] !== "1") return refuse("version")
    if (parts.length !== FIELDS.length || parts.some((part, i) => part.length !== 2 || part[0] !== FIELDS[i]))
        return refuse("shape")
    const [, gateway, knocker, key, place] = parts.map(([, value]) => value!)
    const link = { url: url!, gateway: gateway!, knocker: knocker!, key: base64(key!), place: place! }
    const bad = PARTS.find((part) => !CHECKS[part](link[part]))
    return bad === undefined ? { ok: true, link } : refuse(bad)
}

const refuse = (code: LinkRefusal): LinkRead => ({ ok: false, code })

const PARTS = ["url", "gateway", "knocker", "key", "place"] as const
const CHECKS: Readonly<Record<keyof EnrolmentLink, (text: string) => boolean>> = {
    url: isBundleUrl,
    gateway: isGateway,
    knocker: (text) => NAME.test(text),
    key: isSigningKey,
    place: isPlace,
}

/** Base64 in the alphabet of RFC 4648, section 5, without padding: what goes into a URL. */
function base64url(text: string): string {
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}

/** Back from `base64url`. What is written in the other alphabet is no longer base64 of a key afterwards. */
function base64(text: string): string {
    return `${text.replaceAll(/[+/=]/g, "!").replaceAll("-", "+").replaceAll("_", "/")}=`
}
