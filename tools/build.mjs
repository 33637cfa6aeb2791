// Builds dist/: ES modules for Node 20.19 and later, koffi left outside. The same sources give the same bytes: no time
// stamps, no paths.
//
// The daemon is one file: it needs all of its own at once, and loading 40 small files costs more than reading them. The
// command line is split, so that each verb loads what it needs; but whoever knocks waits for it, often in a script, so
// what `knock` always needs is one file, too. What several of them use is there more than once.
import { chmodSync, readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

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
    { from: "/src/main.ts", path: "./daemon/knockd/main.ts", file: "./knockd.js" },
    { from: "/src/cli/commands/knock.ts", path: "../knock/verb.ts", file: "./knock.js" },
    { from: "/src/cli/commands/knock-compat.ts", path: "../knock-compat/verb.ts", file: "./knock-compat.js" },
    { from: "/src/main.ts", path: "./cli/knock-compat/verb.ts", file: "./knock-compat.js" },
]

/** @type {import("esbuild").Plugin} */
const apart = {
    name: "files of their own",
    setup(bundle) {
        bundle.onResolve({ filter: /\.ts$/ }, ({ importer, path, kind }) => {
            const found = APART.find((one) => importer.endsWith(one.from) && path === one.path)
            return kind === "dynamic-import" && found ? { path: found.file, external: true } : undefined
        })
    },
}

/** @type {import("esbuild").BuildOptions} */
const split = { ...common, splitting: true, chunkNames: "chunk-[hash]" }

await build({ ...common, entryPoints: { daemon: "src/daemon/main.ts" } })
await build({ ...common, entryPoints: { knockd: "src/daemon/knockd/main.ts" } })
await build({ ...split, entryPoints: { knock: "src/cli/knock/verb.ts" } })
await build({ ...split, entryPoints: { "knock-compat": "src/cli/knock-compat/verb.ts" } })
await build({ ...split, entryPoints: { postern: "src/main.ts" }, plugins: [apart] })
chmodSync(`${root}/dist/postern.js`, 0o644)
