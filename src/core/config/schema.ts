/**
 * The shape of a configuration, table by table: raw TOML values in, the words of the core out. Every key is named
 * here once; what is said about several keys or doors together is in `rules.ts`.
 */
import * as z from "zod"
import { formatService, parseFlags, parseHit } from "../knock/language.ts"
import { formatAddress, formatNetwork } from "../net/address.ts"
import { DOOR, GATEWAY, HOOK, LIMITS } from "./defaults.ts"
import {
    address,
    addresses,
    argvWith,
    boolean,
    doorName,
    duration,
    either,
    integer,
    interfaceName,
    list,
    mark,
    network,
    place,
    report,
    service,
    word,
} from "./fields.ts"
import type { Kind } from "./issues.ts"
import { formatPlace } from "./place.ts"
import { bundlesTable, oneTimeTable, targetTables } from "./schema-one-time.ts"

/** Placeholders that are replaced in each argument of a door's command, and of a hook. */
const PLACEHOLDERS = ["source", "door", "knocker"]
const HOOK_PLACEHOLDERS = ["event", "door", "source", "text"]

const argv = argvWith(PLACEHOLDERS)

/** [gateway] */
export const gatewayTable = z.strictObject(
    {
        interfaces: either(
            (raw) => !Array.isArray(raw),
            z.literal(["auto", "any"], { error: "interfaces" satisfies Kind }),
            list("interfaces", interfaceName, LIMITS.interfaces, (text) => text),
        ).default(GATEWAY.interfaces),
        state: z
            .string({ error: "path" satisfies Kind })
            .check((context) => {
                if (!/^\/[^\0]*$/.test(context.value))
                    report(context, context.value, { code: "relative", kind: "directory" })
            })
            .default(GATEWAY.state),
        audit: boolean.default(GATEWAY.audit),
        socket: z
            .string({ error: "path" satisfies Kind })
            .check((context) => {
                if (!/^\/[^\0]*$/.test(context.value))
                    report(context, context.value, { code: "relative", kind: "file" })
            })
            .default(GATEWAY.socket),
        socket_group: doorName.nullable().default(GATEWAY.socketGroup),
        capture: z
            .literal(["auto", "nflog", "packet-socket"], { error: "capture" satisfies Kind })
            .default(GATEWAY.capture),
        firewall: z
            .literal(["auto", "nftables", "iptables"], { error: "firewall" satisfies Kind })
            .default(GATEWAY.firewall),
        mark,
        services: list("services", service, LIMITS.services, formatService).default([]),
        uniform: boolean.default(GATEWAY.uniform),
        log_group: integer(LIMITS.logGroup).default(GATEWAY.logGroup),
        attempts: integer(LIMITS.attempts)
            .check((context) => {
                const [least, most] = LIMITS.attempts
                const near = 2 ** Math.round(Math.log2(context.value))
                if (context.value >= least && context.value <= most && near !== context.value)
                    report(context, context.value, { code: "power-of-two", near })
            })
            .default(GATEWAY.attempts),
        grants: integer(LIMITS.grants).default(GATEWAY.grants),
        grace: duration(LIMITS.grace).nullable().default(GATEWAY.grace),
    },
    { error: "gateway" satisfies Kind },
)

/** [door.sequence] */
const sequenceTable = z.strictObject(
    {
        // A bare number is a TCP port: `hits = [32144]` is what many write first, and can mean nothing else.
        hits: list(
            "hits",
            z.preprocess((raw) => (typeof raw === "number" ? String(raw) : raw), word("hit", parseHit, true)),
            LIMITS.hits,
        ),
        within: duration(LIMITS.within).default(DOOR.within),
        flags: word("flags", parseFlags).default(DOOR.flags),
        target: either(
            (raw) => typeof raw === "string",
            address.transform((one) => [one]),
            addresses,
        ).default([]),
    },
    { error: "sequence" satisfies Kind },
)

/** `network` of a door. */
const widthsTable = z.strictObject(
    {
        v4: integer(LIMITS.network4).default(DOOR.network.v4),
        v6: integer(LIMITS.network6).default(DOOR.network.v6),
    },
    { error: "widths" satisfies Kind },
)

/** [door.command] */
const commandTable = z.strictObject(
    {
        start: argv,
        stop: argv.nullable().default(null),
        after: duration(LIMITS.after).default(DOOR.after),
        timeout: duration(LIMITS.timeout).default(DOOR.timeout),
    },
    { error: "command" satisfies Kind },
)

/** [[door]] */
export const doorTable = z.strictObject(
    {
        name: doorName,
        opens: list("services", service, LIMITS.opens, formatService).default([]),
        for: duration(LIMITS.for).default(DOOR.for),
        uses: z
            .literal(1, { error: "uses" satisfies Kind })
            .nullable()
            .default(DOOR.uses),
        network: widthsTable.default(DOOR.network),
        hide: boolean.default(DOOR.hide),
        at: list("addresses", address, LIMITS.at, formatAddress).default([]),
        lead_to: list("places", place, LIMITS.leadTo, formatPlace).default([]),
        sources: list("networks", network, LIMITS.networks, formatNetwork).default([...DOOR.sources]),
        always: list("networks", network, LIMITS.always, formatNetwork).default([]),
        closes: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.closes, (text) => text).default([]),
        // Of a door of ours every wrong hit spoils the knock: there is no key for it.
        sequence: sequenceTable
            .transform((sequence) => ({ ...sequence, strict: true, once: false, knockd: null }))
            .nullable()
            .default(null),
        one_time: oneTimeTable
            .transform(({ ports, ...rest }) => ({ ...rest, ...ports }))
            .nullable()
            .default(null),
        // Of programs of ours every argument is one: there is no key for knockd's way.
        command: commandTable
            .transform((command) => ({ ...command, shell: false }))
            .nullable()
            .default(null),
    },
    { error: "door" satisfies Kind },
)

/** [[hook]] */
export const hookTable = z.strictObject(
    {
        name: doorName,
        on: list(
            "events",
            z.literal(["grant", "end", "refusal", "hiding", "trouble"], { error: "events" satisfies Kind }),
            LIMITS.events,
            (text) => text,
        ),
        doors: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.hookDoors, (text) => text)
            .nullable()
            .default(null),
        run: argvWith(HOOK_PLACEHOLDERS),
        timeout: duration(LIMITS.hookTimeout).default(HOOK.timeout),
    },
    { error: "hook" satisfies Kind },
)

/** The file of a knocker. What its keys are is looked at where they are understood. */
export const knockerTable = z.strictObject(
    {
        keys: list("keys", z.string({ error: "key" satisfies Kind }), LIMITS.keys),
        doors: list("doors", z.string({ error: "name" satisfies Kind }), LIMITS.knockerDoors, (text) => text)
            .nullable()
            .default(null),
        generation: integer(LIMITS.generation).default(0),
        comment: z.string({ error: "text" satisfies Kind }).default(""),
    },
    { error: "knocker" satisfies Kind },
)

/** A table, as errors call it. */
export type TableName =
    | "[gateway]"
    | "[[door]]"
    | "[[hook]]"
    | "[door.sequence]"
    | "[door.one_time]"
    | "[door.command]"
    | "network of a door"
    | "[bundles]"
    | "[[bundles.publish]]"
    | "[hide]"
    | "the top of a configuration"
    | "a knocker's file"

/** The keys of each table. */
export const KEYS: ReadonlyMap<TableName, readonly string[]> = new Map([
    ["[gateway]", Object.keys(gatewayTable.shape)],
    ["[[door]]", Object.keys(doorTable.shape)],
    ["[door.sequence]", Object.keys(sequenceTable.shape)],
    ["[door.one_time]", Object.keys(oneTimeTable.shape)],
    ["[door.command]", Object.keys(commandTable.shape)],
    ["network of a door", Object.keys(widthsTable.shape)],
    ["[[hook]]", Object.keys(hookTable.shape)],
    ["a knocker's file", Object.keys(knockerTable.shape)],
    ["[bundles]", Object.keys(bundlesTable.shape)],
    ["[[bundles.publish]]", [...new Set(Object.values(targetTables).flatMap(({ shape }) => Object.keys(shape)))]],
    ["the top of a configuration", ["gateway", "door", "hook", "bundles", "hide"]],
])
