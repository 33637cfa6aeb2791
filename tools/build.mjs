// Builds dist/postern.js: one ES module for Node 20.19 and later, lazy chunks beside it, koffi left outside.
// The same sources give the same bytes: no time stamps, no paths.
import { chmodSync, readFileSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(readFileSync(`${root}/package.json`, "utf8"))
rmSync(`${root}/dist`, { recursive: true, force: true })
await build({
    absWorkingDir: root,
    entryPoints: { postern: "src/main.ts" },
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["koffi"],
    define: { POSTERN_VERSION: JSON.stringify(version) },
    chunkNames: "chunk-[hash]",
    legalComments: "none",
    logLevel: "warning",
    // CommonJS dependencies ask for node:* with require(), which an ES module has to bring along.
    banner: {
        js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
})
chmodSync(`${root}/dist/postern.js`, 0o644)
