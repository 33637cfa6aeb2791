/**
 * The messages of command line and daemon (spec/control.md): one JSON object a line, each with the version of this
 * language. Reading never throws, whatever comes over the socket; what cannot be read is a refusal with a code.
 */
import * as z from "zod/mini"

/** The spec's: the version of the language. */
export const CONTROL_VERSION = 1

/** Why something is not done. */
export const CODES = [
    /** The line is too long, not JSON, or not a message of this language. */
    "too-long",
    "malformed",
    /** Another version, or a question that this version has not. */
    "version",
    "unknown",
    /** As many clients as there may be are connected. */
    "busy",
    /** The other side of the socket is neither root, nor the daemon's user, nor in the socket's group. */
    "denied",
    /** There is no such door, or there is nothing that it could open. */
    "door",
    "nothing",
    /** Not an address (grant) or network (revoke); not a time that a grant can have. */
    "source",
    "for",
    /** No door opens this service; it is hidden already. */
    "service",
    "hidden",
    /** The configuration has errors, or changes what cannot change while the daemon runs: `detail` has a line for each. */
    "configuration",
    /** As many grants are open as are allowed; the firewall refused. */
    "grants",
    "firewall",
    /** There is no audit trail; there is no journal. */
    "audit",
    "journal",
    /** Nothing is published: there is no [bundles], or the gateway's keys cannot be used. */
    "bundles",
    /** The daemon stops, or something is wrong with it. */
    "failed",
] as const

/** One of them. */
export type ControlCode = (typeof CODES)[number]

/** A refusal; `detail` is for people, and may be empty. */
export type Refused = { readonly ok: false; readonly code: ControlCode; readonly detail: string }

/** A refusal as a value. */
export function refuse(code: ControlCode, detail = ""): Refused {
    return { ok: false, code, detail }
}

const envelope = z.object({ postern: z.unknown() })

type Read = { readonly ok: true; readonly value: Readonly<Record<string, unknown>> } | Refused

/** The object of a line of at most so many characters, if it speaks this version. */
export function readObject(line: string, most: number): Read {
    if (line.length > most) return refuse("too-long")
    let value: unknown
    try {
        value = JSON.parse(line)
    } catch {
        return refuse("malformed")
    }
    const read = envelope.safeParse(value)
    if (!read.success) return refuse("malformed")
    if (read.data.postern !== CONTROL_VERSION) return refuse("version", `this side speaks version ${CONTROL_VERSION}`)
    return { ok: true, value: Object.fromEntries(Object.entries(value ?? {})) }
}
