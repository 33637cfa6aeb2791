/**
 * How things stand, for `postern status`: what the daemon watches, its doors, who is knocking and who is in. There is no
 * field that could hold a hit of a sequence. Times are milliseconds, addresses and services are texts.
 */
import * as z from "zod/mini"

/** So many doors, attempts, grants and services are listed; the totals count all of them. */
export const LISTED_MOST = 1000
/** So many of the latest warnings. */
export const WARNINGS_MOST = 20

/** So many problems of a configuration are told. */
export const PROBLEMS_MOST = 100

const count = z.int().check(z.nonnegative())
const time = z.number()
const texts = z.array(z.string())

/** How publication stands; times are milliseconds since 1970. */
export const publicationShape = z.object({
    /** Why no bundles can be made; null: they can. */
    trouble: z.nullable(z.string()),
    /** The last publication since the daemon began; null: none. `took`: milliseconds. */
    last: z.nullable(z.object({ serial: count, made: count, files: count, took: count })),
    targets: z.array(
        z.object({
            name: z.string(),
            /** When all files were there the last time, and of which publication; null: not since the start. */
            done: z.nullable(count),
            serial: z.nullable(count),
            /** Why it does not work, and how often that was so since it did. */
            trouble: z.nullable(z.string()),
            failures: count,
        }),
    ),
})

/** The form of a status, for whoever reads one. */
export const statusShape = z.object({
    pid: count,
    /** Milliseconds since 1970 now and when the daemon began. */
    now: time,
    started: time,
    /** When the configuration in force was read. */
    loaded: time,
    capture: z.string(),
    /** Null: all of them. */
    interfaces: z.nullable(texts),
    /** Services that the host openly offers: packets to them are no hits. */
    offered: texts,
    /** Our table: what keeps it (`nftables`, `iptables`), has the kernel it as wanted, can it lead? Null: there is none. */
    table: z.nullable(z.object({ by: z.string(), inPlace: z.boolean(), leads: z.boolean() })),
    doors: z.array(
        z.object({
            name: z.string(),
            opens: texts,
            /** How long a grant lasts. */
            for: count,
            hide: z.boolean(),
            /** Grants that are open. */
            grants: count,
        }),
    ),
    /** What is hidden; a daemon of before says nothing of it. */
    hiding: z.optional(
        z.object({
            /** For good. */
            hidden: texts,
            /** On trial, with the time left. `arrived`: who has come in by a connection that is newer; null: that cannot be seen. */
            trials: z.array(z.object({ service: z.string(), left: count, arrived: z.nullable(texts) })),
        }),
    ),
    /** Live attempts, the furthest first; an attempt at several doors is there once for each. */
    attempts: z.array(
        z.object({
            door: z.string(),
            source: z.string(),
            stage: count,
            of: count,
            /** Time left in the window. */
            left: count,
        }),
    ),
    /** What is open, and what has programs under way. */
    grants: z.array(
        z.object({
            door: z.string(),
            source: z.string(),
            /** Whom it lets in, if that is more than the source; null: the source alone. */
            network: z.nullable(z.string()),
            /** Time left; null: nothing is open, a program is under way. */
            left: z.nullable(count),
            /** It was good for one connection, and one has used it up. */
            used: z.boolean(),
            /** Milliseconds since 1970. */
            since: time,
            /** `found`: it was open when the daemon began. */
            by: z.enum(["knock", "hand", "found"]),
            /** By hand: whose. */
            uid: z.nullable(count),
            /** By a one-time sequence: whose. */
            knocker: z.nullable(z.string()),
            /** Where its programs are. */
            program: z.enum(["idle", "starting", "started", "stopping", "resting"]),
        }),
    ),
    totals: z.object({
        doors: count,
        attempts: count,
        grants: count,
        /** Grants that there is room for. */
        grantsRoom: count,
        /** Sources remembered, and how many can be. */
        sources: count,
        sourcesRoom: count,
    }),
    counters: z.object({
        /** Packets that the capture handed over, and that the kernel dropped. */
        delivered: count,
        dropped: count,
        /** Packets that counted, that repeated the one before, that came from paused sources, that found no room. */
        hits: count,
        repeats: count,
        ignored: count,
        turnedAway: count,
    }),
    /** The directory `state`. */
    state: z.object({
        directory: z.string(),
        /** Null: there is none, and no door needs one. */
        journal: z.nullable(
            z.object({
                /** From when on (ms since 1970) everything is known, and why not from before; `away`: it cannot be used yet. */
                since: time,
                why: z.enum(["new", "damage", "operator", "away"]),
                claims: count,
                counters: count,
                stops: count,
                /** Why the last write failed, or why it cannot be used; null: neither. */
                trouble: z.nullable(z.string()),
            }),
        ),
        /** Null: none is kept. */
        audit: z.nullable(
            z.object({
                /** Of the last entry that is durable. */
                serial: count,
                bytes: count,
                /** Entries that wait for the disk, and entries since the start that found no room. */
                waiting: count,
                lost: count,
                trouble: z.nullable(z.string()),
            }),
        ),
    }),
    /** One-time sequences; null: no door has any. */
    oneTime: z.nullable(
        z.object({
            /** Why they open no door at this moment; null: they do. */
            waitsFor: z.nullable(z.string()),
            knockers: count,
            /** Sequences that are accepted now. */
            sequences: count,
            /** Knockers at doors, who used a sequence last first, then the others by name; and how many there are in all. */
            members: z.array(
                z.object({
                    knocker: z.string(),
                    door: z.string(),
                    /** The counter that is next: so many were used or passed over, and no restart forgets it. */
                    next: count,
                    /** Sequences that open the door now, as in the bundle of the last publication. */
                    left: count,
                    /** The last use that the audit trail or this daemon knows of (ms since 1970); null: none. */
                    used: z.nullable(time),
                    /** When the last publication since the start was made; null: none, or this knocker has no file in it. */
                    published: z.nullable(time),
                }),
            ),
            total: count,
        }),
    ),
    /** Bundles of one-time sequences; null: none are made. */
    publication: z.nullable(publicationShape),
    /** The latest lines of the log that are warnings or errors about the host; `times`: said so often. */
    warnings: z.array(z.object({ time, level: z.enum(["warning", "error"]), text: z.string(), times: count })),
})

/** See the head of the file. */
export type Status = z.infer<typeof statusShape>
