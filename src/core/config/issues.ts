/** What can be wrong with a configuration, as facts. `texts.ts` makes the sentences, `positions.ts` finds the place. */
import type { Refused } from "../knock/language.ts"
import type { Word } from "../knock/texts.ts"

/** Keys and array indices, from the top of one file down. */
export type Path = readonly (string | number)[]

/** A problem at a place of a file. A place can be a key of its own right (an unknown one) instead of a value. */
export type Found = { readonly file: string; readonly path: Path; readonly key?: true; readonly problem: Problem }

/** Errors keep a configuration from being used; warnings are legal but unwise; notes are worth knowing. */
export type Severity = "error" | "warning" | "note"

/** A problem as it is shown. */
export type Issue = {
    readonly severity: Severity
    readonly code: Problem["code"]
    readonly file: string
    /** From 1; 0 where the file could not be read. Columns count UTF-16 units. */
    readonly line: number
    readonly column: number
    /** Such as `door.ssh.sequence.hits[0]`; empty for the file as a whole. */
    readonly path: string
    /** What is wrong, and how to mend it. Holds no hit of a sequence. */
    readonly message: string
}

/** What a value should have been. */
export type Kind =
    | Word
    | "address"
    | "addresses"
    | "argument"
    | "arguments"
    | "boolean"
    | "bundles"
    | "capture"
    | "command"
    | "door"
    | "doors"
    | "events"
    | "firewall"
    | "gateway"
    | "hide"
    | "hits"
    | "hook"
    | "host"
    | "integer"
    | "interfaces"
    | "key"
    | "keys"
    | "knocker"
    | "mark"
    | "name"
    | "network"
    | "networks"
    | "one-time"
    | "path"
    | "place"
    | "places"
    | "ports"
    | "protocols"
    | "publish"
    | "sequence"
    | "services"
    | "text"
    | "url"
    | "uses"
    | "widths"

/** Why a file could not be read. */
export type Trouble = "missing" | "permission" | "not-a-file" | "not-utf8" | "too-large" | "failed"

/** What could not be read: a file of the configuration, that of a knocker, or the directory of those. */
export type Unread = "configuration" | "knocker" | "knockers"

/** That something could not be read, as a problem of it. */
export function unreadable(what: Unread, read: { readonly trouble: Trouble; readonly detail: string }): Mistake {
    const { trouble, detail } = read
    return trouble === "permission" ? { code: "forbidden" } : { code: "unreadable", what, trouble, detail }
}

/** Is there no text, so that the problem is of the file as a whole? */
export function isUnread({ code }: Problem): boolean {
    return code === "unreadable" || code === "forbidden"
}

/** Everything that is found; `code` says which. */
export type Problem = Mistake | Doubt

/** What makes a configuration unusable. */
type Mistake =
    | {
          readonly code: "unreadable"
          readonly what: Unread
          readonly trouble: Exclude<Trouble, "permission">
          readonly detail: string
      }
    /** A file or directory that only others may read. */
    | { readonly code: "forbidden" }
    | { readonly code: "syntax"; readonly detail: string; readonly line: number; readonly column: number }
    /** `near`: what was probably meant; `home`: the table where that key belongs, if it is another one. */
    | {
          readonly code: "unknown-key"
          readonly key: string
          readonly table: string
          readonly near: string | null
          readonly home: string | null
      }
    | { readonly code: "later"; readonly key: string }
    | { readonly code: "missing"; readonly kind: Kind }
    | { readonly code: "type"; readonly kind: Kind }
    | { readonly code: "refused"; readonly word: Word; readonly refused: Refused; readonly secret: boolean }
    | { readonly code: "network" }
    | { readonly code: "address" }
    | { readonly code: "name" }
    | { readonly code: "interface" }
    | { readonly code: "relative"; readonly kind: "program" | "directory" | "file" }
    | { readonly code: "argument" }
    | {
          readonly code: "placeholder"
          readonly name: string
          readonly near: string | null
          readonly there: readonly string[]
      }
    | { readonly code: "range"; readonly least: number; readonly most: number }
    | { readonly code: "duration-range"; readonly least: number; readonly most: number }
    | { readonly code: "power-of-two"; readonly near: number }
    | { readonly code: "count"; readonly least: number; readonly most: number }
    | { readonly code: "listed-twice" }
    | { readonly code: "second-gateway"; readonly file: string }
    | { readonly code: "second-bundles"; readonly file: string }
    | { readonly code: "needs-bundles" }
    /** [hide] says something of this service twice, or hides one that no door opens. */
    | { readonly code: "hidden-twice"; readonly file: string }
    | { readonly code: "no-way-in" }
    | { readonly code: "one-target" }
    | { readonly code: "host" }
    | { readonly code: "url" }
    | { readonly code: "ports" }
    | { readonly code: "small-pool"; readonly hits: number; readonly least: number }
    | { readonly code: "short-lifetime" }
    | { readonly code: "too-many-upcoming"; readonly upcoming: number; readonly most: number }
    /** Not as the daemon that runs has it. */
    | { readonly code: "fixed" }
    | { readonly code: "no-doors" }
    | { readonly code: "second-door"; readonly name: string; readonly file: string }
    | { readonly code: "second-hook"; readonly name: string; readonly file: string }
    | { readonly code: "too-many-hooks"; readonly most: number }
    | { readonly code: "closes-unknown"; readonly name: string; readonly near: string | null }
    | { readonly code: "closes-itself" }
    | { readonly code: "does-nothing" }
    | { readonly code: "needs-opens"; readonly key: "for" | "uses" | "network" | "hide" | "always" | "at" | "lead_to" }
    | { readonly code: "needs-hide"; readonly key: "at" | "lead_to" }
    | { readonly code: "place" }
    | { readonly code: "mark" }
    | { readonly code: "at-or-lead-to" }
    /** A second place of one family. */
    | { readonly code: "place-twice" }
    /** A place with a port, and services with different ones. */
    | { readonly code: "place-port" }
    | { readonly code: "place-loopback" }
    /** A service that this door and that one open in different places. */
    | { readonly code: "elsewhere"; readonly service: string; readonly door: string }
    | { readonly code: "uses-one-service" }
    /** Uses are counted for services of this host. */
    | { readonly code: "uses-at" }
    | { readonly code: "needs-stop" }
    | { readonly code: "scannable" }
    | { readonly code: "too-many-views"; readonly most: number }
    | { readonly code: "too-many-lengths"; readonly most: number; readonly family: "IPv4" | "IPv6" }
    | { readonly code: "too-many-doors"; readonly most: number; readonly doors: number }
    | { readonly code: "too-many-problems"; readonly most: number }
    /** A key that cannot receive files; `why` says what instead, and holds nothing of what may be a secret. */
    | { readonly code: "key"; readonly why: string }
    | { readonly code: "knocker-door"; readonly name: string; readonly near: string | null }
    | { readonly code: "too-many-knockers"; readonly most: number }

/** What is legal but unwise, or worth knowing. */
export type Doubt =
    | { readonly code: "too-many-doubts"; readonly most: number }
    | { readonly code: "short"; readonly hits: number; readonly bits: number }
    | { readonly code: "in-order"; readonly order: "ascending" | "descending" }
    | { readonly code: "guessable"; readonly bits: number }
    | { readonly code: "published" }
    | { readonly code: "twice-running" }
    | { readonly code: "repeated"; readonly first: number }
    | { readonly code: "own-service"; readonly door: string }
    | { readonly code: "listening" }
    | { readonly code: "well-known" }
    | { readonly code: "browsers-refuse" }
    | { readonly code: "ping-default" }
    | { readonly code: "fragments" }
    | { readonly code: "flags-not-new" }
    | { readonly code: "long-window" }
    | { readonly code: "long-grant" }
    | { readonly code: "same-knock"; readonly door: string }
    | { readonly code: "ends-alike"; readonly door: string }
    | { readonly code: "contains"; readonly door: string }
    | { readonly code: "not-hidden"; readonly services: string }
    | { readonly code: "nothing-listens"; readonly service: string }
    | { readonly code: "no-program" }
    | { readonly code: "no-group" }
    | { readonly code: "no-directory" }
    /** The user whom the daemon runs as may not run this program, write into this directory, or read this file. */
    | { readonly code: "not-its-program" }
    | { readonly code: "not-its-directory" }
    | { readonly code: "not-its-file" }
    /** Nor may he read this file of the configuration, of a knocker or of the state. */
    | { readonly code: "not-readable" }
    | { readonly code: "headers-readable" }
    /** [hide] says of a service that it is not hidden, which nothing would hide. */
    | { readonly code: "hide-unused" }
    | { readonly code: "always-everyone" }
    | { readonly code: "always-unhidden" }
    | { readonly code: "wide-network"; readonly family: "IPv4" | "IPv6"; readonly prefix: number }
    | { readonly code: "uses-unhidden" }
    | { readonly code: "uses-without-nftables" }
    | { readonly code: "uniform-unused" }
    | { readonly code: "nflog-without-nftables" }
    | { readonly code: "no-knockers" }
    | { readonly code: "odds"; readonly bits: number }
    | { readonly code: "bundles-unused" }
    | { readonly code: "nothing-published" }
    | { readonly code: "headers-in-clear" }
    | { readonly code: "readable" }
    | { readonly code: "writable" }
    | { readonly code: "knocker-name" }
    /** A key that no file can be encrypted to now. */
    | { readonly code: "key-unusable"; readonly why: string }
    | { readonly code: "knockers-missing" }
    | { readonly code: "knockers-writable" }

const SEVERITIES: Readonly<Record<Doubt["code"], Severity>> = {
    "too-many-doubts": "note",
    short: "warning",
    "in-order": "warning",
    guessable: "warning",
    published: "warning",
    "twice-running": "warning",
    repeated: "warning",
    "own-service": "warning",
    listening: "warning",
    "well-known": "warning",
    "browsers-refuse": "note",
    "ping-default": "warning",
    fragments: "warning",
    "flags-not-new": "warning",
    "long-window": "warning",
    "long-grant": "warning",
    "same-knock": "warning",
    "ends-alike": "warning",
    contains: "warning",
    "not-hidden": "warning",
    "nothing-listens": "note",
    "no-program": "warning",
    "no-group": "warning",
    "no-directory": "warning",
    "not-its-program": "warning",
    "not-its-directory": "warning",
    "not-its-file": "warning",
    "not-readable": "warning",
    "headers-readable": "warning",
    "hide-unused": "note",
    "always-everyone": "warning",
    "always-unhidden": "warning",
    "wide-network": "warning",
    "uses-unhidden": "warning",
    "uses-without-nftables": "error",
    "uniform-unused": "warning",
    "nflog-without-nftables": "error",
    "no-knockers": "note",
    odds: "warning",
    "bundles-unused": "warning",
    "nothing-published": "note",
    "headers-in-clear": "warning",
    readable: "warning",
    writable: "warning",
    "knocker-name": "warning",
    "key-unusable": "warning",
    "knockers-missing": "warning",
    "knockers-writable": "warning",
}

/** How grave a problem is. */
export function severityOf(problem: Problem): Severity {
    return (SEVERITIES as Readonly<Record<string, Severity | undefined>>)[problem.code] ?? "error"
}

/** One line for people and for editors: `file:line:col: path: message`, warnings and notes marked as such. */
export function formatIssue(issue: Omit<Issue, "code">): string {
    const where = issue.line === 0 ? issue.file : `${issue.file}:${issue.line}:${issue.column}`
    const mark = issue.severity === "error" ? "" : `${issue.severity}: `
    return `${where}: ${mark}${issue.path === "" ? "" : `${issue.path}: `}${issue.message}`
}
