/** The sentences of bundles: why one is refused, and what to do. With the exit codes of postern(1). */
import { identityRefusal } from "../../adapters/sealing/portable/identity-texts.ts"
import type { LinkRefusal } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { GetRefusal } from "../device/get.ts"
import type { Remark, Trouble } from "../device/obtain.ts"
import type { ReadingTrouble } from "../device/reading.ts"
import type { Notice } from "../device/supply.ts"
import type { Said } from "./knock.ts"
import { isDenied, systemText } from "./system.ts"

/** A sentence with its hints, and how the command ends. */
export type Told = { readonly said: Said; readonly code: ExitCode }

/** What is told of a bundle that cannot be had. `name`: of the profile. */
export function troubleText(trouble: Trouble, name: string): Told {
    switch (trouble.code) {
        case "get":
            return {
                said: getText(trouble, name),
                code: trouble.refusal === "interrupted" ? EXIT.interrupted : EXIT.network,
            }
        case "unseal":
            return { said: unsealText(trouble, name), code: EXIT.key }
        case "refused":
            return refusedText(trouble.refused, name)
        case "forgotten":
            return {
                said: [
                    "this device no longer knows which bundles it has seen: an old one could pass for a new one",
                    `if you know why, such as a new device with an old profile: postern fetch ${name} --afresh`,
                ],
                code: EXIT.stale,
            }
        case "keeping":
            return {
                said: [
                    `what was seen and tried cannot be kept in ${trouble.folder}: ${systemText(trouble.detail)}`,
                    "without that a sequence could be sent twice: mend that, or set XDG_STATE_HOME",
                ],
                code: isDenied(trouble.detail) ? EXIT.permission : EXIT.failed,
            }
        case "reading":
            return readingText(trouble.trouble, name)
        case "no-cache":
            return { said: ["no bundle was fetched before", `postern fetch ${name}`], code: EXIT.network }
    }
}

/** What is told beside a bundle that can be gone by. */
export function remarkText({ detail }: Pick<Remark, "detail">): string {
    return `the bundle cannot be kept for a knock without a network: ${systemText(detail)}`
}

const PORTAL = "does this network want a login first, as in a hotel? A browser shows it"

const byHand = (name: string) => `A bundle that came by another way: postern fetch ${name} --file FILE`

const GET: Readonly<Record<GetRefusal, (detail: string, name: string) => Said>> = {
    absent: () => [
        "there is no bundle for this device",
        "the operator has not added its key yet, or has removed it, or the address in the link is wrong",
    ],
    // RFC 6585: 511 is the network's.
    status: (detail) => [
        `the web server answers ${detail}`,
        detail === "511" ? PORTAL : "try again later, or ask the operator",
    ],
    redirect: (detail) => [
        `the web server leads elsewhere: ${detail}`,
        "ask the operator for a link that leads straight there",
    ],
    "too-large": () => ["the web server sends more than any bundle has (1 MiB)", "ask the operator what is there"],
    timeout: (_, name) => ["the web server does not answer in time", `is this machine online? ${byHand(name)}`],
    tls: (detail) => [
        `the web server's certificate is refused: ${detail}`,
        "is the clock of this machine right? NODE_EXTRA_CA_CERTS names a file with a certificate authority of your own",
    ],
    "no-tls": () => ["what answers there does not speak https", `is the address right? Else: ${PORTAL}`],
    "no-http": () => ["what answers there does not speak http", `is the address right? Else: ${PORTAL}`],
    unreachable: (detail, name) => [
        `the web server cannot be reached: ${NETWORK[detail] ?? detail}`,
        `is this machine online? ${byHand(name)}`,
    ],
    interrupted: () => ["interrupted"],
}

const NETWORK: Readonly<Record<string, string>> = {
    ENOTFOUND: "no such host",
    EAI_AGAIN: "the name service does not answer",
    ECONNREFUSED: "connection refused",
    ECONNRESET: "it broke off",
    EHOSTUNREACH: "no way to it",
    ENETUNREACH: "no way to it",
}

function getText({ refusal, detail, url }: Extract<Trouble, { code: "get" }>, name: string): Said {
    const [what, ...hints] = GET[refusal](detail, name)
    return [url === "" ? what : `${url}: ${what}`, ...hints]
}

function unsealText({ why, detail, url }: Extract<Trouble, { code: "unseal" }>, name: string): Said {
    if (why === "not-for-us")
        return [
            `the bundle cannot be decrypted: ${detail}`,
            "the operator has not added this device's key yet, or has removed it",
        ]
    if (why === "damaged" && url !== null)
        return [
            `${url}: what came is no bundle that can be read: ${detail}`,
            `${PORTAL}. Else try again, or ask the operator. ${byHand(name)}`,
        ]
    if (why === "damaged")
        return [`the file is no bundle that can be read: ${detail}`, `postern fetch ${name} gets it anew`]
    return [`the bundle cannot be decrypted: ${detail}`]
}

const key = (...said: Said): Told => ({ said, code: EXIT.key })
const stale = (...said: Said): Told => ({ said, code: EXIT.stale })

function refusedText(refused: Extract<Trouble, { code: "refused" }>["refused"], name: string): Told {
    switch (refused.code) {
        case "version":
            return key("the bundle is of a later version than this program knows", "install a newer one")
        case "not-a-bundle":
        case "line":
        case "shape":
            return key(
                `what was encrypted is no bundle (line ${refused.line})`,
                "anybody can encrypt to you: somebody who is not the gateway has made this file. Tell the operator",
            )
        case "signature":
            return key(
                "the bundle is not signed by the gateway that you know",
                "somebody else has made it, or the gateway has a new key: ask the operator for the new link, by a way you trust",
                `then: postern enroll LINK --name ${name} --replace`,
            )
        case "gateway":
        case "knocker":
            return key(
                `the bundle is for the ${refused.code} ${refused.found}, not for ${refused.wanted}`,
                "somebody has put another file in its place. Tell the operator",
            )
        case "rolled-back":
            return stale(
                `the bundle is older than one that was seen before: serial ${refused.found}, after ${refused.seen}`,
                "the web server shows an old file: try again in a minute, then tell the operator",
            )
        case "changed":
            return stale(
                `two different bundles have the same serial ${refused.serial}`,
                "two gateways sign with the same key, or one was restored badly. Tell the operator",
            )
        case "expired":
            return stale(
                `the bundle's time was over at ${formatMoment(refused.until)}, and the clock of this machine says ${formatMoment(refused.now)}`,
                "if the clock is wrong, set it, or use the bundle all the same: --ignore-clock. Else the gateway has stopped publishing: tell the operator",
            )
    }
}

/** Why keys cannot be used. */
export function readingText(trouble: ReadingTrouble, name: string): Told {
    const { file } = trouble
    switch (trouble.trouble) {
        case "unreadable":
            return {
                said: [
                    `${file}: cannot be read: ${systemText(trouble.detail)}`,
                    ...(trouble.detail === "ENOENT"
                        ? [`bring this private key back, or take another: postern enroll LINK --name ${name} --replace`]
                        : []),
                ],
                code: isDenied(trouble.detail) ? EXIT.permission : EXIT.key,
            }
        case "too-open":
            return {
                said: [
                    `${file}: others than you can read this private key`,
                    `chmod 600 '${file.replaceAll("'", "'\\''")}'`,
                ],
                code: EXIT.key,
            }
        case "key": {
            const { what, instead } = identityRefusal(trouble.refused)
            const hint = /plugin|elsewhere/.test(trouble.refused) ? " (postern enroll --decrypt-with)" : ""
            return { said: [`${file}: ${what}`, `${instead}${hint}`], code: EXIT.key }
        }
        case "unasked":
            if (trouble.why === "interrupted") return { said: ["interrupted"], code: EXIT.interrupted }
            return {
                said: [
                    `${file}: the key has a passphrase, and nobody can be asked for it`,
                    "run it on a terminal, or let POSTERN_ASKPASS name a program that asks and prints the answer",
                ],
                code: EXIT.key,
            }
    }
}

/** What is told while it goes on. */
export function noticeText(notice: Exclude<Notice, { code: "fetching" }>, name: string): Said {
    switch (notice.code) {
        case "from-cache": {
            const [what, ...hints] = troubleText(notice.trouble, name).said
            const age = notice.age < 0 || notice.age > MAX_AGE ? "" : `, ${formatAge(notice.age)} old,`
            return [`${what}: the bundle that was fetched before${age} is used`, ...hints]
        }
        case "cache":
            return [remarkText(notice)]
        case "again":
            return [
                "every sequence was sent before and did not open: this one goes out again",
                "whoever was on the way then knows it. What is published is not new: does the daemon run?",
            ]
        case "unkept":
            return [`that it opened cannot be kept: ${systemText(notice.detail)}`]
    }
}

/** RFC 3339, in UTC, without fractions. */
export function formatMoment(ms: number): string {
    return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** Older than ten years: nobody knows when it was fetched. */
const MAX_AGE = 315_360_000_000

/** Whole units, the largest that fits: "3 minutes". */
export function formatAge(ms: number): string {
    const units = [
        ["day", 86_400_000],
        ["hour", 3_600_000],
        ["minute", 60_000],
        ["second", 1000],
    ] as const
    const [name, unit] = units.find(([, length]) => ms >= length) ?? units[3]
    const n = Math.floor(ms / unit)
    return `${n} ${name}${n === 1 ? "" : "s"}`
}

const LINKS: Readonly<Record<LinkRefusal, string>> = {
    "not-a-link": "this is no enrolment link: such a link has #postern=1 in it",
    version: "this link is of a later version than this program knows",
    shape: "parts of this link are missing, or it is not whole",
    url: "the address in this link is none that bundles can be at",
    gateway: "the gateway's name in this link is damaged",
    knocker: "the knocker's name in this link is damaged",
    key: "the key in this link is damaged",
    place: "the place in this link is damaged",
}

/** Why a link is refused. */
export function linkText(code: LinkRefusal): Said {
    return [LINKS[code], "copy the whole line that `postern user link NAME` prints, in quotes because of its # and &"]
}
