import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { vectorFiles, vectorFolders } from "../../tools/vectors/files.ts"

const root = join(import.meta.dirname, "../../vectors")

test.each(vectorFolders)("vectors/%s is what its generator makes (else: npx tsx tools/make-vectors.ts)", (folder) => {
    const wanted = [...vectorFiles].filter(([path]) => path.startsWith(`${folder}/`))
    const found = readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
    expect(found.toSorted()).toEqual(wanted.map(([path]) => path).toSorted())
    for (const [path, text] of wanted) expect(readFileSync(join(root, path), "utf8"), path).toBe(text)
})
