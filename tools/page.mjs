// Builds dist/knock.html: one file that needs no server, with a policy that lets it run this script, and no other but what this
// script loads itself. The library for OpenPGP stays a file beside it, as its makers built it: it is under the LGPL.
import { createHash } from "node:crypto"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

/**
 * Returns what esbuild says of the inputs.
 * @param {string} root
 */
export async function buildPage(root) {
    const script = await build({
        absWorkingDir: root,
        entryPoints: ["src/page/main.ts"],
        bundle: true,
        write: false,
        format: "iife",
        platform: "browser",
        target: "es2022",
        minify: true,
        metafile: true,
        charset: "ascii",
        legalComments: "eof",
        logLevel: "warning",
        plugins: [inPlaceOfOthers],
    })
    const style = await build({
        absWorkingDir: root,
        entryPoints: ["src/page/knock.css"],
        write: false,
        minify: true,
        target: "es2022",
        logLevel: "warning",
    })
    const [js, css] = [script, style].map((one) => one.outputFiles[0]?.text.trim() ?? "")
    if (js === undefined || css === undefined || js.includes("</script"))
        throw new Error("the page cannot hold its script")
    const page = readFileSync(`${root}/src/page/knock.html`, "utf8")
        .replace('content=""', () => `content="${policyOf(js, css)}"`)
        .replace("<style></style>", () => `<style>${css}</style>`)
        .replace("<script></script>", () => `<script>${js}</script>`)
    writeFileSync(`${root}/dist/knock.html`, page)
    copyFileSync(`${root}/node_modules/openpgp/dist/openpgp.min.js`, `${root}/dist/knock-openpgp.js`)
    return script
}

/**
 * Files of the page that take the place of others: the library for OpenPGP stays beside it, and SHA-512 is there once.
 * @type {import("esbuild").Plugin}
 */
const inPlaceOfOthers = {
    name: "in place of others",
    setup(bundle) {
        bundle.onResolve({ filter: /^\.\/openpgp\.ts$/ }, ({ importer }) =>
            importer.includes("/adapters/sealing/") ? ours("openpgp") : undefined,
        )
        bundle.onResolve({ filter: /^tweetnacl$/ }, () => ours("tweetnacl"))
    },
}

/**
 * Content Security Policy, level 3. Knocks are connections by WebSocket and fetch() to any host and port.
 * @param {string} js
 * @param {string} css
 */
function policyOf(js, css) {
    return [
        "default-src 'none'",
        `script-src ${hash(js)} 'strict-dynamic'`,
        `style-src ${hash(css)}`,
        "connect-src https: http: wss:",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types postern-openpgp",
    ].join("; ")
}

/** @param {string} text */
function hash(text) {
    return `'sha256-${createHash("sha256").update(text).digest("base64")}'`
}

/** @param {string} name */
function ours(name) {
    return { path: fileURLToPath(new URL(`../src/page/${name}.ts`, import.meta.url)) }
}
