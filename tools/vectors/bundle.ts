/**
 * Bundles as a client finds them after decryption, and what it says of them (spec/bundle.md, sections 1 to 3). Made here
 * from plain lines, with signatures of its own making: the tests hold ours against them.
 */
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto"

/** One text, what the client knows, and what it says. Moments are milliseconds since 1970. */
export type BundleVector = {
    readonly spec: string
    readonly why: string
    /** The decrypted text; each character is one byte. */
    readonly text: string
    readonly trust: {
        readonly gateway: string
        readonly knocker: string
        readonly key: string
        readonly seen: { readonly serial: number; readonly contents: string } | null
    }
    /** null: the person has said that the clock is wrong. */
    readonly now: number | null
    readonly expect:
        | { readonly serial: number; readonly pinned: string; readonly contents: string }
        | { readonly refused: string }
}

/** A key of a gateway, from a seed that is its name's SHA-256. */
function gatewayKey(name: string) {
    const seed = createHash("sha256").update(`postern bundle vectors: ${name}`).digest()
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    const open = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32).toString("base64")
    const signed = (text: string) =>
        sign(null, Buffer.from(`postern bundle 1\0${text}`, "latin1"), key).toString("base64")
    return { open, signed }
}

const [old, now, other] = ["the old one", "the one of now", "somebody else"].map(gatewayKey) as [Key, Key, Key]
type Key = ReturnType<typeof gatewayKey>

const MADE = Date.UTC(2026, 10, 23, 5, 50)
const TRUST = { gateway: "gw.example.org", knocker: "anna", key: now.open, seen: null }

type Parts = { gateway?: string; knocker?: string; serial?: number; keys?: readonly Key[]; hits?: string }

/** The lines that are signed. */
function lines({
    gateway = "gw.example.org",
    knocker = "anna",
    serial = 1_763_877_000,
    keys = [now],
    hits,
}: Parts = {}) {
    return [
        "postern-bundle 1",
        `gateway ${gateway}`,
        `knocker ${knocker}`,
        `serial ${serial}`,
        "made 2026-11-23T05:50:00Z",
        "until 2026-12-23T05:50:00Z",
        ...keys.map(({ open }) => `key ${open}`),
        "door ssh opens tcp/22 within 15s",
        `hits ssh 17 ${hits ?? "23144 21312:udp icmp:321 17650"}`,
        "hits ssh 18 10333 18003 30100 25555",
        "",
    ].join("\n")
}

/** What is signed, and a signature of each of these keys. */
function signedBy(keys: readonly Key[], text: string): string {
    return `${text}${keys.map((key) => `signature ${key.signed(text)}\n`).join("")}`
}

const WHOLE = signedBy([now], lines())
const contents = (text: string) => createHash("sha256").update(`postern bundle 1\0${text}`).digest("hex")
const seen = (serial: number, text = lines({ serial })) => ({ ...TRUST, seen: { serial, contents: contents(text) } })
const ACCEPTED = { serial: 1_763_877_000, pinned: now.open, contents: contents(lines()) }
const BOTH = lines({ keys: [now, old] })
const refused = (code: string) => ({ refused: code })

type Case = Omit<BundleVector, "spec" | "trust" | "now"> & Partial<Pick<BundleVector, "trust" | "now">>

const cases: Readonly<Record<string, Case>> = {
    whole: { why: "the first bundle of a device", text: WHOLE, expect: ACCEPTED },
    padded: { why: "padding is not signed", text: `${" ".repeat(63)}\n\n${WHOLE}`, expect: ACCEPTED },
    again: { why: "the same bundle once more", text: WHOLE, trust: seen(1_763_877_000), expect: ACCEPTED },
    newer: { why: "a larger serial", text: WHOLE, trust: seen(1_763_876_999), expect: ACCEPTED },
    "last-moment": { why: "valid up to its end", text: WHOLE, now: MADE + 30 * 86_400_000, expect: ACCEPTED },
    "clock-not-trusted": { why: "expired, and told to go on", text: WHOLE, now: null, expect: ACCEPTED },
    "key-change": {
        why: "signed with the new and the old key: who trusts the old one pins the new one",
        text: signedBy([now, old], BOTH),
        trust: { ...TRUST, key: old.open },
        expect: { ...ACCEPTED, contents: contents(BOTH) },
    },
    "key-changed": {
        why: "the same for one who has pinned the new key already",
        text: signedBy([now, old], BOTH),
        expect: { ...ACCEPTED, contents: contents(BOTH) },
    },
    empty: { why: "nothing", text: "", expect: refused("not-a-bundle") },
    "other-text": { why: "a letter to somebody", text: "Dear Anna,\n", expect: refused("not-a-bundle") },
    "begins-after-blanks": {
        why: "padding ends with a line feed",
        text: `  ${WHOLE}`,
        expect: refused("not-a-bundle"),
    },
    "later-version": {
        why: "a version that nobody knows yet",
        text: WHOLE.replace("bundle 1", "bundle 2"),
        expect: refused("version"),
    },
    "unknown-line": {
        why: "a line that is not known",
        text: WHOLE.replace("door ssh", "colour red\ndoor ssh"),
        expect: refused("line"),
    },
    "carriage-returns": {
        why: "lines end with LF alone",
        text: WHOLE.replaceAll("\n", "\r\n"),
        expect: refused("not-a-bundle"),
    },
    "not-ascii": { why: "a byte above 127", text: WHOLE.replace("anna", "ann\xe4"), expect: refused("line") },
    cut: { why: "the end is missing", text: WHOLE.slice(0, WHOLE.indexOf("signature")), expect: refused("shape") },
    "cut-in-a-line": { why: "half a signature", text: WHOLE.slice(0, -10), expect: refused("line") },
    more: { why: "something after the end", text: `${WHOLE}\n`, expect: refused("shape") },
    tampered: {
        why: "another hit",
        text: WHOLE.replace("23144", "23145"),
        expect: refused("signature"),
    },
    "later-end": { why: "another end", text: WHOLE.replace("until 2026", "until 2027"), expect: refused("signature") },
    "re-signed": {
        why: "by somebody who has the knocker's public key, as everybody may",
        text: signedBy([other], lines({ keys: [other] })),
        expect: refused("signature"),
    },
    "in-the-gateways-name": {
        why: "with the gateway's key in it, and a signature of another",
        text: `${lines()}signature ${other.signed(lines())}\n`,
        expect: refused("signature"),
    },
    "stolen-old-signature": {
        why: "a key that nobody has proved to have would be pinned",
        text: `${lines({ keys: [other, now] })}signature ${now.signed(lines())}\nsignature ${now.signed(lines({ keys: [other, now] }))}\n`,
        expect: refused("signature"),
    },
    "signatures-exchanged": {
        why: "signatures are in the order of the keys",
        text: signedBy([old, now], BOTH),
        expect: refused("signature"),
    },
    "old-key-alone": {
        why: "after the change the old key is no longer trusted",
        text: signedBy([old], lines({ keys: [old] })),
        expect: refused("signature"),
    },
    "spare-bits": {
        why: "a key that is written in a second way",
        text: signedBy([now], lines().replace(now.open, otherSpelling(now.open))),
        trust: { ...TRUST, key: otherSpelling(now.open) },
        expect: refused("signature"),
    },
    "wrong-gateway": {
        why: "signed with the same key for another name",
        text: signedBy([now], lines({ gateway: "other.example.org" })),
        expect: refused("gateway"),
    },
    "wrong-knocker": {
        why: "another knocker's bundle in this one's place",
        text: signedBy([now], lines({ knocker: "bob" })),
        expect: refused("knocker"),
    },
    "rolled-back": { why: "a smaller serial", text: WHOLE, trust: seen(1_763_877_001), expect: refused("rolled-back") },
    changed: {
        why: "the same serial with other contents",
        text: signedBy([now], lines({ hits: "11111 22222" })),
        trust: seen(1_763_877_000),
        expect: refused("changed"),
    },
    expired: { why: "its time is over", text: WHOLE, now: MADE + 30 * 86_400_000 + 1, expect: refused("expired") },
    "rolled-back-and-expired": {
        why: "the first reason counts",
        text: WHOLE,
        trust: seen(1_763_877_001),
        now: MADE + 31 * 86_400_000,
        expect: refused("rolled-back"),
    },
    "wrong-gateway-and-tampered": {
        why: "what is not signed says nothing",
        text: WHOLE.replace("gw.example", "other.example"),
        expect: refused("signature"),
    },
}

/** A signed bundle, for those who encrypt one. */
export const SIGNED_BUNDLE = WHOLE

/** Path below `vectors/` to contents. */
export const bundleVectors: Readonly<Record<string, BundleVector>> = Object.fromEntries(
    Object.entries(cases).map(([name, { why, text, trust = TRUST, now: moment = MADE + 1000, expect }]) => [
        `bundle/${name}.json`,
        { spec: "spec/bundle.md#3-what-a-client-refuses", why, text, trust, now: moment, expect },
    ]),
)

/** Base64 of 32 bytes whose last two bits, which mean nothing, are set. */
function otherSpelling(text: string): string {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return `${text.slice(0, 42)}${letters[letters.indexOf(text[42]!) | 1]}=`
}
