/** Workers of the lab as programs of their own: bundled, so that they start fast enough to be killed often. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { buildSync } from "esbuild"

/** A worker that can be run by node, until it is removed. */
export type Bundled = { readonly file: string; readonly remove: () => void }

/** Bundles NAME.ts of this folder, or of a path from it. */
export function bundleWorker(name: string): Bundled {
    // In the checkout, where the FFI library is found.
    const scratch = mkdtempSync(join(import.meta.dirname, "..", "..", "node_modules", ".worker-"))
    const file = join(scratch, "worker.mjs")
    buildSync({
        entryPoints: [join(import.meta.dirname, `${name}.ts`)],
        outfile: file,
        bundle: true,
        platform: "node",
        format: "esm",
        external: ["koffi"],
        logLevel: "silent",
        banner: { js: `import{createRequire as r}from"node:module";const require=r(import.meta.url)` },
    })
    return { file, remove: () => rmSync(scratch, { recursive: true, force: true }) }
}

/**
 * Runs the worker in a mount namespace of its own, where `prepare`, a shell's words, has mounted something at the
 * directory ($1; $2 is node and $3 the worker). Returns what it printed; throws if it complained or failed.
 */
export function runMounted({ file }: Bundled, directory: string, prepare: string, what: string): string {
    const script = `${prepare}\nexec "$2" "$3" "$1" ${what}`
    const argv = ["-m", "sh", "-ec", script, "sh", directory, process.execPath, file]
    const { status, stdout, stderr } = spawnSync("unshare", argv, { encoding: "utf8", timeout: 50_000 })
    if (status !== 0 || stderr !== "") throw new Error(`it ended with ${status}: ${stderr}`)
    return stdout
}
