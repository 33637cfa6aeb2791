// Builds dist/: ES modules for Node 20.19 and later, koffi left outside. The same sources give the same bytes: no time
// stamps, no paths.
//
// The daemon is one file: it needs all of its own at once, and loading 40 small files costs more than reading them. The
// command line is split, so that each verb loads what it needs; but whoever knocks waits for it, often in a script, so
// what `knock` always needs is one file, too. What several of them use is there more than once.
//
// openpgp is under the LGPL: it is never inside a file of ours, but one of its own, as its makers built it, so that
// anybody can put another version in its place. licenses.txt says whose work is in the other files.
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { buildPage } from "./page.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"))
rmSync(`${root}/dist`, { recursive: true, force: true })

/** @type {import("esbuild").BuildOptions} */
const common = {
    absWorkingDir: root,
    outdir: "dist",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi"],
    define: { POSTERN_VERSION: JSON.stringify(version) },
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    // CommonJS dependencies ask for node:* with require(), which an ES module has to bring along.
    banner: {
        js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
}

/**
 * What is a file of its own: who loads it, by which name, and what the file is called.
 * @type {readonly { from: string, path: string, file: string }[]}
 */
const APART = [
    { from: "/src/daemon/command.ts", path: "./main.ts", file: "./daemon.js" },
    { from: "/src/daemon/knockd/command.ts", path: "./main.ts", file: "./knockd.js" },
    { from: "/src/web/command.ts", path: "./main.ts", file: "./web.js" },
    { from: "/src/main.ts", path: "./daemon/knockd/main.ts", file: "./knockd.js" },
    { from: "/src/adapters/sealing/late.ts", path: "./read-key.ts", file: "./read-key.js" },
    { from: "/src/cli/commands/knock.ts", path: "../knock/verb.ts", file: "./knock.js" },
    { from: "/src/cli/commands/knock-compat.ts", path: "../knock-compat/verb.ts", file: "./knock-compat.js" },
    { from: "/src/main.ts", path: "./cli/knock-compat/verb.ts", file: "./knock-compat.js" },
]

/** @type {import("esbuild").Plugin} */
const apart = {
    name: "files of their own",
    setup(bundle) {
        bundle.onResolve({ filter: /^openpgp$/ }, ({ importer, kind }) =>
            kind === "dynamic-import"
                ? { path: "./openpgp.js", external: true }
                : { errors: [{ text: `openpgp may only be loaded by import(): ${importer}` }] },
        )
        bundle.onResolve({ filter: /\.ts$/ }, ({ importer, path, kind }) => {
            const found = APART.find((one) => importer.endsWith(one.from) && path === one.path)
            return kind === "dynamic-import" && found ? { path: found.file, external: true } : undefined
        })
    },
}

/** @type {import("esbuild").BuildOptions} */
const whole = { ...common, plugins: [apart] }
/** @type {import("esbuild").BuildOptions} */
const split = { ...whole, splitting: true, chunkNames: "chunk-[hash]" }

const built = [
    await build({ ...whole, entryPoints: { daemon: "src/daemon/main.ts" } }),
    await build({ ...whole, entryPoints: { "press-worker": "src/daemon/one-time/press-worker.ts" } }),
    await build({ ...whole, entryPoints: { knockd: "src/daemon/knockd/main.ts" } }),
    await build({ ...whole, entryPoints: { web: "src/web/main.ts" } }),
    await build({ ...whole, entryPoints: { "read-key": "src/adapters/sealing/read-key.ts" } }),
    await build({ ...split, entryPoints: { knock: "src/cli/knock/verb.ts" } }),
    await build({ ...split, entryPoints: { "knock-compat": "src/cli/knock-compat/verb.ts" } }),
    await build({ ...split, entryPoints: { postern: "src/main.ts" } }),
    await buildPage(root),
]
chmodSync(`${root}/dist/postern.js`, 0o644)
copyFileSync(`${root}/node_modules/openpgp/dist/node/openpgp.min.mjs`, `${root}/dist/openpgp.js`)
writeFileSync(
    `${root}/dist/licenses.txt`,
    licenses(built.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}))),
)

/**
 * Whose work is in `dist/`, and on which terms: the licence of each package that a file was taken from, in their own
 * words. The LGPL wants the GPL beside it.
 * @param {readonly string[]} inputs
 */
function licenses(inputs) {
    const folder = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//
    const names = new Set([...inputs.flatMap((path) => folder.exec(path)?.[1] ?? []), "openpgp"])
    const parts = [...names].sort().map((name) => {
        const { version, license } = JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, "utf8"))
        const file = name === "openpgp" ? "openpgp.js and knock-openpgp.js alone" : "inside other files"
        return `${name} ${version} (${license}), ${file}\n\n${licenseOf(`${root}/node_modules/${name}`)}`
    })
    const first =
        "Postern is under the MIT licence (LICENSE). Its built files contain the work of others, on these terms."
    return [
        first,
        ...parts,
        `To the LGPL of openpgp belongs:\n\n${readFileSync(`${root}/tools/licenses/GPL-3.txt`, "utf8")}`,
    ]
        .map((part) => `${part.trimEnd()}\n`)
        .join(`\n${"=".repeat(80)}\n\n`)
}

/**
 * Throws where a package brings no licence: then it must not be taken in.
 * @param {string} folder
 */
function licenseOf(folder) {
    const file = readdirSync(folder).find((name) => /^licen[cs]e(\.md|\.txt)?$/i.test(name))
    if (file === undefined) throw new Error(`${folder} has no licence`)
    return readFileSync(`${folder}/${file}`, "utf8")
}
