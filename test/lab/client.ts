/**
 * The command line built as it is shipped, in a folder of its own: what the tests run is what users run. Without the
 * daemon, and (unless `withNative`) without the FFI library within reach.
 */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build } from "esbuild"

const root = join(import.meta.dirname, "..", "..")

/** A built program. */
export type Built = { readonly path: string; readonly remove: () => void }

/** Builds it. */
export async function buildClient(withNative: boolean): Promise<Built> {
    const folder = mkdtempSync(join(tmpdir(), "postern-client-"))
    if (withNative) symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
    await build({
        absWorkingDir: root,
        stdin: {
            contents: `import { main } from "./src/cli/main.ts"
                process.exitCode = await main(process.argv.slice(2), [])`,
            resolveDir: root,
            loader: "ts",
        },
        outdir: folder,
        entryNames: "postern",
        bundle: true,
        splitting: true,
        format: "esm",
        platform: "node",
        target: "node20",
        external: ["koffi"],
        define: { POSTERN_VERSION: '"test"' },
        outExtension: { ".js": ".mjs" },
        banner: {
            js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
        },
    })
    return { path: join(folder, "postern.mjs"), remove: () => rmSync(folder, { recursive: true, force: true }) }
}
