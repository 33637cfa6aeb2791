/** What a person reads on the page: reasons, and lines that can be typed elsewhere. */
import type { Hit } from "../core/knock/hit.ts"
import type { Refused } from "../core/one-time/accept.ts"
import type { LinkRefusal } from "../core/one-time/link.ts"
import type { Unsealed } from "../ports/sealing.ts"
import type { Seen } from "./hits.ts"

/** Of a page that stands alone, and an OpenPGP key. */
export const OPENPGP_MISSING =
    "OpenPGP keys need the file knock-openpgp.js, which is not beside this page: get it where the page comes from, or decrypt with gpg."

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
            return "The bundle is not encrypted to this key. Is it the key whose public part the operator has?"
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
            return "This is neither an enrolment link nor a bundle."
        case "version":
            return "This link is of a later version than this page knows: get a newer page."
        case "shape":
            return "This link is not complete: copy all of it, from https:// to its end."
        case "url":
        case "gateway":
        case "knocker":
        case "key":
        case "place":
            return `This link is damaged: its part "${code}" is not as it must be.`
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
