/**
 * The table `[bundle]` of a profile: where a gateway's one-time sequences are, whom to believe, and what decrypts them. It is
 * an enrolment link with what only this device knows.
 *
 *     [bundle]
 *     url      = "https://example.org/knock/"
 *     gateway  = "gw.example.org"
 *     knocker  = "anna"
 *     key      = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
 *     place    = "5yqx2mvk6n3bq4ohx7dbbdzcbkgxgs7e"
 *     identity = "~/.ssh/id_ed25519"
 */
import * as z from "zod/mini"
import { NAME } from "../one-time/bundle.ts"
import { type EnrolmentLink, isBundleUrl, isGateway, isPlace, isSigningKey } from "../one-time/link.ts"

/** Who decrypts: this program, or the user's own `gpg` (with its agent) or `age` (with its plug-ins). */
export type DecryptWith = "postern" | "gpg" | "age"

/** Where bundles are and how they are read. */
export type ProfileBundle = {
    readonly link: EnrolmentLink
    /** Files with private keys, as written; none with gpg, which knows its own. */
    readonly identities: readonly string[]
    readonly decryptWith: DecryptWith
}

/** What of the table can be wrong by what it says. */
export type BundlePart = keyof EnrolmentLink | "identity"

const part = (name: BundlePart, good: (text: string) => boolean) =>
    z.string().check(z.refine(good, { params: { problem: { code: "bundle", part: name } } }))

const path = part("identity", (text) => text !== "" && !text.includes("\0"))

/** The table as it stands in the file. */
export const bundleSchema = z.pipe(
    z
        .strictObject({
            url: part("url", isBundleUrl),
            gateway: part("gateway", isGateway),
            knocker: part("knocker", (text) => NAME.test(text)),
            key: part("key", isSigningKey),
            place: part("place", isPlace),
            identity: z._default(z.union([path, z.array(path)]), []),
            decrypt_with: z._default(z.enum(["postern", "gpg", "age"]), "postern"),
        })
        .check(
            z.refine(
                ({ identity, decrypt_with: by }) => by === "gpg" || typeof identity === "string" || identity.length > 0,
                {
                    path: ["identity"],
                    params: { problem: { code: "missing" } },
                },
            ),
        ),
    z.transform(
        ({ identity, decrypt_with: decryptWith, ...link }): ProfileBundle => ({
            link,
            identities: typeof identity === "string" ? [identity] : identity,
            decryptWith,
        }),
    ),
)

/** The keys of the table, and what their values must be. */
export const BUNDLE_TYPES: Readonly<Record<string, string>> = {
    url: 'the address of a directory, such as "https://example.org/knock/"',
    gateway: 'a host name or address, such as "gw.example.org"',
    knocker: 'a name, such as "anna"',
    key: "the gateway's signing key, as `postern enroll` wrote it",
    place: "32 letters and digits, as `postern enroll` wrote them",
    identity: 'a path, such as "~/.ssh/id_ed25519", or a list of them',
    decrypt_with: '"gpg" or "age"; without it, Postern decrypts by itself',
}

/** The text of a profile with this table and nothing else. `remark`: its first line. */
export function formatBundleProfile(remark: string, { link, identities, decryptWith }: ProfileBundle): string {
    const identity = identities.length === 1 ? quoted(identities[0]!) : `[${identities.map(quoted).join(", ")}]`
    const lines: readonly (readonly [string, string])[] = [
        ["url", quoted(link.url)],
        ["gateway", quoted(link.gateway)],
        ["knocker", quoted(link.knocker)],
        ["key", quoted(link.key)],
        ["place", quoted(link.place)],
        ...(identities.length === 0 ? [] : [["identity", identity] as const]),
        ...(decryptWith === "postern" ? [] : [["decrypt_with", quoted(decryptWith)] as const]),
    ]
    const width = Math.max(...lines.map(([name]) => name.length))
    return [`# ${remark}`, "[bundle]", ...lines.map(([name, value]) => `${name.padEnd(width)} = ${value}`), ""].join(
        "\n",
    )
}

/** A basic string of TOML: as JSON writes it, but that DEL stands for itself there. */
function quoted(text: string): string {
    return JSON.stringify(text).replaceAll("\u007f", "\\u007F")
}
