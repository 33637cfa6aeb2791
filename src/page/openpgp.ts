/**
 * In the page this takes the place of the sealing adapter's file of the same name: the library for OpenPGP is a file
 * beside the page, loaded when there is an OpenPGP key. It is under the LGPL, so anybody may put another version of it there.
 * The page's policy lets its own script load others; Trusted Types let it load this one alone.
 */
import type { OpenPgp } from "../adapters/sealing/portable/openpgp.ts"

/** What it is called, beside the page. */
const FILE = "knock-openpgp.js"

/** The library is not there. */
export class OpenPgpMissing extends Error {}

let loading: Promise<OpenPgp> | null = null
let policy: Policy | null = null

/** Loads the library once; rejects with OpenPgpMissing if it is not beside the page. */
export function openPgp(): Promise<OpenPgp> {
    loading ??= load().catch((error: unknown) => {
        loading = null
        throw error
    })
    return loading
}

function load(): Promise<OpenPgp> {
    return new Promise((resolve, reject) => {
        const script = document.createElement("script")
        const missing = () => {
            script.remove()
            reject(new OpenPgpMissing(`${FILE} is not beside this page`))
        }
        script.addEventListener("load", () => (globalThis.openpgp ? resolve(globalThis.openpgp) : missing()))
        script.addEventListener("error", missing)
        Object.assign(script, { src: address() })
        document.head.append(script)
    })
}

/** As the browser wants it: a text, or proof that it comes from here. */
function address(): unknown {
    policy ??= globalThis.trustedTypes?.createPolicy("postern-openpgp", { createScriptURL: () => FILE }) ?? null
    return policy === null ? FILE : policy.createScriptURL("")
}

type Policy = { createScriptURL(input: string): unknown }

declare global {
    /** What the library's file defines. */
    var openpgp: OpenPgp | undefined
    /** Not in all browsers (https://www.w3.org/TR/trusted-types/). */
    var trustedTypes: { createPolicy(name: string, rules: { createScriptURL(): string }): Policy } | undefined
}
