/**
 * Writes `vectors/` anew: test cases for any implementation, from generators in `tools/vectors/` that show why each
 * case is what it is. `npx tsx tools/make-vectors.ts`; a test says when the files are out of date.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { vectorFiles, vectorFolders } from "./vectors/files.ts"

const root = join(import.meta.dirname, "..", "vectors")
for (const folder of vectorFolders) rmSync(join(root, folder), { recursive: true, force: true })
for (const [path, text] of vectorFiles) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
}
