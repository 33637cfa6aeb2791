/** The page that knocks, as it stands beside the program, and the part of it that is loaded for OpenPGP keys alone. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Resource } from "./reply.ts"

/** What `--page` may be: a path that nothing has to be decoded in, and that no bundle can have. */
const PATH = /^\/(?:[\w-]+\/)*(?:[\w-]+\.html)?$/

/** May the page be there? */
export function isPagePath(path: string): boolean {
    return PATH.test(path)
}

/** The files, by the word behind the first slash. Throws if they cannot be read. */
export function pageFiles(path: string): ReadonlyMap<string, Resource> {
    const page = path.slice(1)
    const beside = page.slice(0, page.lastIndexOf("/") + 1)
    const files = new Map([[page, fileOf("knock.html", "text/html; charset=utf-8")]])
    const more = `${beside}knock-openpgp.js`
    return files.set(more, fileOf("knock-openpgp.js", "text/javascript; charset=utf-8"))
}

/** A file beside this program's. Its own policy is in the page; what others may do with it is said here. */
function fileOf(name: string, type: string): Resource {
    const bytes = readFileSync(new URL(name, import.meta.url))
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 27)}"`
    return {
        type,
        bytes,
        etag,
        modified: Number.POSITIVE_INFINITY,
        headers: { "Content-Security-Policy": "frame-ancestors 'none'" },
    }
}
