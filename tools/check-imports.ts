/**
 * Holds the import arrows of ARCHITECTURE.md: who may import whom, and why. Also refuses hidden clocks and hidden
 * randomness in the core. Prints each breach as file:line with the rule's reason; exit 1 if there is any.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

type Rule = { readonly from: string; readonly may: readonly RegExp[]; readonly reason: string }

/** What seals and unseals. openpgp is under the LGPL: only types of it, and `import()`, which the build makes a file of its own. */
const SEALING = /^(age-encryption|openpgp|@noble\/(ciphers|curves|hashes)\/.*|@scure\/base|bcrypt-pbkdf)$/
const PURE = /^(zod(\/mini)?|smol-toml|toml-eslint-parser|ipaddr\.js|@scure\/base)$/

/** First match wins; paths are relative to src/. */
const RULES: readonly Rule[] = [
    {
        from: "core/",
        may: [/^core\//, PURE],
        reason: "the core decides and does nothing else: it must run in a browser",
    },
    { from: "ports/", may: [/^core\//, /^ports\//], reason: "ports are types over the core's words" },
    {
        from: "adapters/system/",
        may: [/^adapters\/system\//, /^core\//, /^node:/, /^koffi$/],
        reason: "the only place that knows the FFI library",
    },
    {
        from: "adapters/sealing/portable/",
        may: [/^core\//, /^ports\//, /^adapters\/sealing\/portable\//, SEALING],
        reason: "the browser page unseals, too: nothing of Node.js here",
    },
    {
        from: "adapters/sealing/",
        may: [/^core\//, /^ports\//, /^OWN\//, /^node:/, SEALING],
        reason: "an adapter knows its port and its libraries, never another adapter",
    },
    {
        from: "adapters/",
        may: [/^core\//, /^ports\//, /^adapters\/system\//, /^OWN\//, /^node:/],
        reason: "an adapter knows its port and the system, never another adapter",
    },
    {
        from: "daemon/",
        may: [/^core\//, /^ports\//, /^adapters\//, /^daemon\//, /^voice\//, /^node:/, /^commander$/],
        reason: "daemon and cli are separate shells",
    },
    {
        from: "cli/",
        may: [/^core\//, /^ports\//, /^adapters\//, /^cli\//, /^voice\//, /^node:/, /^(commander|picocolors|qr)$/],
        reason: "daemon and cli are separate shells",
    },
    {
        from: "web/",
        may: [/^core\//, /^web\//, /^voice\//, /^node:/],
        reason: "it hears the internet, so it can do nothing but serve files",
    },
    {
        from: "page/",
        may: [/^core\//, /^ports\//, /^adapters\/sealing\/portable\//, /^page\//, /^@noble\/hashes\//],
        reason: "it runs in a browser",
    },
    {
        from: "voice/",
        may: [/^core\//, /^voice\//, /^node:/, /^(commander|picocolors)$/],
        reason: "what both shells need, and nothing of either",
    },
    { from: "main.ts", may: [/^cli\//, /^daemon\//, /^web\//], reason: "the one place that joins the shells" },
]

const FORBIDDEN_IN_CORE = [
    { pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, reason: "time is an argument" },
    { pattern: /\bMath\.random\b/, reason: "randomness is an argument" },
    { pattern: /\bprocess\./, reason: "the core has no process" },
]

const root = join(import.meta.dirname, "..", "src")
const breaches: string[] = []

for (const file of readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))) {
    const rule = RULES.find(({ from }) => file.startsWith(from))
    const lines = readFileSync(join(root, file), "utf8").split("\n")
    if (!rule) {
        breaches.push(`src/${file}:1: no rule for this folder: add one to tools/check-imports.ts`)
        continue
    }
    lines.forEach((line, index) => {
        const at = `src/${file}:${index + 1}`
        const target = /(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/.exec(line)?.[1]
        if (target !== undefined && !allowed(rule, file, target))
            breaches.push(`${at}: may not import ${target}: ${rule.reason}`)
        if (!file.startsWith("core/")) return
        for (const { pattern, reason } of FORBIDDEN_IN_CORE) {
            if (pattern.test(line)) breaches.push(`${at}: ${pattern.exec(line)?.[0]}: ${reason}`)
        }
    })
}

for (const breach of breaches) console.error(breach)
if (breaches.length > 0) process.exit(1)

function allowed(rule: Rule, file: string, target: string): boolean {
    const path = target.startsWith(".") ? relative(root, join(root, dirname(file), target)) : target
    const own = `${file.split("/").slice(0, 2).join("/")}/`
    return rule.may.some((may) => (may.source === "^OWN\\/" ? path.startsWith(own) : may.test(path)))
}
