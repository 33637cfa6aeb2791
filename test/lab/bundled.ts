/** Workers of the lab as programs of their own: bundled, so that they start fast enough to be killed often. */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { buildSync } from "esbuild"

/** A worker that can be run by node, until it is removed. */
export type Bundled = { readonly file: string; readonly remove: () => void }

/** In the checkout, where the FFI library is found. */
const ROOT = join(import.meta.dirname, "..", "..")

/** Bundles NAME.ts of this folder, or of a path from it. */
export function bundleWorker(name: string): Bundled {
    const scratch = mkdtempSync(join(ROOT, "node_modules", ".worker-"))
    const file = join(scratch, "worker.mjs")
    bundle(name, file)
    return { file, remove: () => rmSync(scratch, { recursive: true, force: true }) }
}

/** Those that this process has bundled. */
const programs = new Set<string>()

/** The argument vector that runs NAME.ts of this folder, which is bundled first: for what is started again and again. */
export function program(name: string): string[] {
    const folder = join(ROOT, "build", "lab")
    const file = join(folder, `${name}.mjs`)
    if (!programs.has(name)) {
        // Others may bundle it at the same time, and run what they had.
        const fresh = join(folder, `${name}-${process.pid}.mjs`)
        mkdirSync(folder, { recursive: true })
        bundle(name, fresh)
        renameSync(fresh, file)
        programs.add(name)
    }
    return [process.execPath, file]
}

function bundle(name: string, outfile: string): void {
    buildSync({
        entryPoints: [join(import.meta.dirname, `${name}.ts`)],
        outfile,
        bundle: true,
        platform: "node",
        format: "esm",
        external: ["koffi"],
        logLevel: "silent",
        banner: { js: `import{createRequire as r}from"node:module";const require=r(import.meta.url)` },
    })
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
