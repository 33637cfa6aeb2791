// Builds dist/: ES modules for Node 20.19 and later, koffi left outside. The same sources give the same bytes: no time
// stamps, no paths.
//
// The daemon is one file: it needs all of its own at once, and loading 40 small files costs more than reading them. The
// command line is split, so that each verb loads what it needs. What both use is there twice.
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

/** @type {import("esbuild").Plugin} */
const daemonApart = {
    name: "the daemon is a file of its own",
    setup(bundle) {
        bundle.onResolve({ filter: /^\.\/main\.ts$/ }, ({ importer, kind }) =>
            kind === "dynamic-import" && importer.endsWith("/src/daemon/command.ts")
                ? { path: "./daemon.js", external: true }
                : undefined,
        )
    },
}

await build({ ...common, entryPoints: { daemon: "src/daemon/main.ts" } })
await build({
    ...common,
    entryPoints: { postern: "src/main.ts" },
    splitting: true,
    chunkNames: "chunk-[hash]",
    plugins: [daemonApart],
})
chmodSync(`${root}/dist/postern.js`, 0o644)
