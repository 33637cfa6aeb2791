/** What a person reads on the page: reasons, and lines that can be typed elsewhere. */

import type { IdentityRefusal } from "../adapters/sealing/portable/identity.ts"
import { identityRefusal } from "../adapters/sealing/portable/identity-texts.ts"
import type { Hit } from "../core/knock/hit.ts"
import type { Refused } from "../core/one-time/accept.ts"
import type { LinkRefusal } from "../core/one-time/link.ts"
import type { FileKind } from "../core/one-time/recipient.ts"
import type { Unsealed } from "../ports/sealing.ts"
import type { Seen } from "./hits.ts"

/** Of a page that came by http from another host. */
export const INSECURE =
    "This page came without https, so anybody on the way can have changed it, and then has the key that you give it. Open it by https or from a file. If you go on, take a key that is used for nothing else."

/** Why a key cannot be used. `library`: the page stands alone, and it is one of OpenPGP. */
export function keyText(code: IdentityRefusal | "library"): string {
    if (isOurs(code)) return OURS[code]
    const { what, instead } = identityRefusal(code)
    return `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${instead}.`.replaceAll("`", "")
}

const PRIVATE = "Such a key has AGE-SECRET-KEY- or PRIVATE KEY at its beginning."
/** What is said here in other words than on the command line, which is given files. */
const OURS = {
    library:
        "OpenPGP keys need the file knock-openpgp.js, which is not beside this page: get it where the page comes from, or decrypt with gpg.",
    empty: "There is no key here: paste your private key, or choose its file.",
    "too-long": "This is longer than any key: give one key alone.",
    public: `This is a public key; the private one decrypts. ${PRIVATE}`,
    unknown: `This is not a private key of age, OpenSSH or OpenPGP. ${PRIVATE}`,
} as const

function isOurs(code: string): code is keyof typeof OURS {
    return code in OURS
}

/** A server has no bundle for keys of these kinds. `others`: the kinds for which it has one. */
export function missingText(host: string, kinds: readonly FileKind[], others: readonly FileKind[]): string {
    const none = `${host} has no bundle for ${names(kinds, "or")} keys`
    return others.length === 0
        ? `${none}, nor for others of this link. Ask the operator whether your key has been added.`
        : `${none}, but for ${names(others, "and")} keys: give that key, or ask the operator to add this one.`
}

function names(kinds: readonly FileKind[], word: string): string {
    return kinds.map((kind) => KINDS[kind]).join(` ${word} `)
}

const KINDS: Readonly<Record<FileKind, string>> = {
    age: "age or SSH",
    "age-pq": "post-quantum age",
    openpgp: "OpenPGP",
}

/** Why a bundle that was decrypted is not used. */
export function refusedText(refused: Refused): string {
    switch (refused.code) {
        case "not-a-bundle":
            return "What was decrypted is not a bundle of one-time sequences."
        case "version":
            return "This bundle is of a later version than this page knows: get a newer page."
        case "line":
        case "shape":
            return `This bundle is damaged: line ${refused.line} is not as it must be.`
        case "signature":
            return "This bundle is not signed by the gateway you know. Do not use it, and tell the operator."
        case "gateway":
            return `This bundle is for the gateway ${refused.found}, and you were enrolled at ${refused.wanted}.`
        case "knocker":
            return `This bundle is for ${refused.found}, and you were enrolled as ${refused.wanted}.`
        case "rolled-back":
            return `This bundle is older than one this browser has seen (number ${refused.found}, after ${refused.seen}): somebody may be holding the new one back.`
        case "changed":
            return `Another bundle with the same number (${refused.serial}) was seen before: one of them is not the gateway's.`
        case "expired":
            return `This bundle was good until ${dateText(refused.until)}, or the clock of this device is wrong.`
    }
}

/** Why a file cannot be decrypted. */
export function sealedText({ code, detail }: Extract<Unsealed, { ok: false }>): string {
    switch (code) {
        case "damaged":
            return `The bundle is damaged or not complete: ${detail}`
        case "not-for-us":
            return `This key does not open the bundle: ${detail}. Give the key whose public part the operator has.`
        case "passphrase":
            return "The passphrase is wrong."
        case "failed":
            return `The bundle cannot be decrypted: ${detail}`
    }
}

/** Why a text is no enrolment link. */
export function linkText(code: LinkRefusal): string {
    switch (code) {
        case "not-a-link":
            return "This is neither an enrolment link nor a bundle: paste all of what the operator gave you."
        case "version":
            return "This link is of a later version than this page knows: get a newer page."
        case "shape":
        // It stands at the end.
        case "place":
            return "This link is not complete: copy all of it, from https:// to its end."
        case "url":
        case "gateway":
        case "knocker":
        case "key":
            return `This link is damaged, as its part "${code}" shows: copy it again, or ask the operator for it.`
    }
}

/** A command that sends this hit: `nc` and `ping` are everywhere. */
export function commandOf(host: string, { protocol, port }: Hit): string {
    switch (protocol) {
        case "tcp":
            return `nc -z -w 1 ${host} ${port}`
        case "udp":
            return `echo | nc -u -w 1 ${host} ${port}`
        case "icmp":
            return `ping -c 1 -s ${port} ${host}`
    }
}

/** What a browser cannot send of these hits; null: it can send all of them. */
export function unsendable(hits: readonly Hit[]): string | null {
    const others = new Set(hits.flatMap(({ protocol }) => (protocol === "tcp" ? [] : [protocol])))
    if (others.size === 0) return null
    const names = [...others].map((one) => (one === "udp" ? "UDP packets" : "pings")).join(" and ")
    return `A browser cannot send ${names}, and this door asks for some. Send the lines below from another device in the same network, or use postern knock.`
}

/** What could be seen of a hit. */
export const SEEN: Readonly<Record<Seen, string>> = {
    answered: "sent, and answered",
    silent: "sent; nothing came back",
    refused: "not sent: this browser refuses that port",
}

/** What a whole knock came to, as far as a browser can see. `slow`: it took longer than the window; `again`: it was sent before. */
export function outcomeText(all: readonly Seen[], slow: boolean, opens: readonly string[], again: boolean): string {
    if (all.includes("refused")) return "Not all hits were sent. Send the lines below from another program."
    if (slow) return "It took longer than this door allows, so it is probably still closed. Knock again."
    const answered = all.filter((one) => one === "answered").length
    const seen =
        answered === all.length
            ? "All hits arrived."
            : answered > 0
              ? "All hits were sent, and some were answered."
              : "All hits were sent. Nothing came back: a firewall keeps quiet, or there is no way to the gateway."
    const then =
        opens.length === 0
            ? "The door has done its work, if the gateway took them."
            : `Connect now: ${opens.join(", ")}.`
    const old = again
        ? " This sequence was sent before: if the door opened then, it does not open again. Get a new bundle."
        : ""
    return `${seen} A browser cannot see whether the door is open. ${then}${old}`
}

/** Local time, to the minute. */
export function dateText(ms: number): string {
    return new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })
}
