/** The tables of one-time sequences and their bundles, as `schema.ts` has the others. */
import * as z from "zod"
import { parseAddress } from "../net/address.ts"
import { BUNDLES, LIMITS, ONE_TIME } from "./defaults.ts"
import { argvWith, duration, either, integer, list, report, value } from "./fields.ts"
import type { Kind } from "./issues.ts"

const protocol = z.literal(["tcp", "udp", "icmp"], { error: "protocols" satisfies Kind })
const ports = value("ports", parsePorts, { code: "ports" })

/** [door.one_time] */
export const oneTimeTable = z.strictObject(
    {
        length: integer(LIMITS.length).default(ONE_TIME.length),
        window: integer(LIMITS.window).default(ONE_TIME.window),
        within: duration(LIMITS.within).default(ONE_TIME.within),
        protocols: list("protocols", protocol, LIMITS.protocols, (text) => text).default([...ONE_TIME.protocols]),
        ports: ports.default(ONE_TIME.ports),
    },
    { error: "one-time" satisfies Kind },
)

/** Where the files of others are: an absolute path, or one that begins where the configuration is. */
const directory = z.string({ error: "path" satisfies Kind }).check((context) => {
    if (!/^[^\0]+$/.test(context.value)) report(context, context.value, { code: "type", kind: "path" })
})
const absolute = (kind: "directory" | "file") =>
    z.string({ error: "path" satisfies Kind }).check((context) => {
        if (!/^\/[^\0]*$/.test(context.value)) report(context, context.value, { code: "relative", kind })
    })

const host = z.string({ error: "host" satisfies Kind }).check((context) => {
    if (!isHost(context.value)) report(context, context.value, { code: "host" })
})

/** An address that names of files are put behind: no name and password, no question mark, a slash at its end. */
const base = z.string({ error: "url" satisfies Kind }).check((context) => {
    const { value: url } = context
    if (!/^https?:\/\/[\w.:[\]-]+\/(?:[\w.~!$&'()*+,;=:@/%-]*\/)?$/.test(url)) report(context, url, { code: "url" })
})

/** [bundles]; its targets are read one by one. */
export const bundlesTable = z.strictObject(
    {
        users: directory.default(BUNDLES.users),
        gateway: host,
        url: either((raw) => raw === "", z.literal(""), base).default(BUNDLES.url),
        lifetime: duration(LIMITS.lifetime).default(BUNDLES.lifetime),
        every: duration(LIMITS.every).default(BUNDLES.every),
        files: integer(LIMITS.files).default(BUNDLES.files),
        publish: z.array(z.unknown(), { error: "publish" satisfies Kind }).default([]),
    },
    { error: "bundles" satisfies Kind },
)

const TARGET = { error: "publish" satisfies Kind }
const timeout = duration(LIMITS.publishTimeout).default(BUNDLES.timeout)

/** [[bundles.publish]], by the key that says what kind it is. */
export const targetTables = {
    directory: z.strictObject({ directory: absolute("directory") }, TARGET),
    put: z.strictObject({ put: base, headers: absolute("file").nullable().default(null), timeout }, TARGET),
    run: z.strictObject({ run: argvWith(["directory"]), timeout }, TARGET),
} as const

/** `10100-32000`; null: anything else. */
function parsePorts(text: string): { readonly from: number; readonly to: number } | null {
    const [, first, last] = /^([1-9]\d{0,4})-([1-9]\d{0,4})$/.exec(text) ?? []
    const [from, to] = [Number(first), Number(last)]
    return from <= to && to <= 65_535 ? { from, to } : null
}

/** A host name (RFC 1123), or an address without prefix, port or zone; as long as a bundle has room for. */
function isHost(text: string): boolean {
    if (parseAddress(text) !== null) return true
    const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    return text.length <= 64 && new RegExp(`^${label}(?:\\.${label})*$`).test(text)
}
