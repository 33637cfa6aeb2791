import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path))
const built = readdirSync(join(root, "dist")).filter((name) => name.endsWith(".js"))

describe("the built program", () => {
    it("has openpgp as its makers built it, in files of its own and nowhere else", () => {
        const library = "node_modules/openpgp/dist"
        expect(read("dist/openpgp.js").equals(read(`${library}/node/openpgp.min.mjs`))).toBe(true)
        expect(read("dist/knock-openpgp.js").equals(read(`${library}/openpgp.min.js`))).toBe(true)
        const others = built.filter((name) => !/openpgp/.test(name))
        expect(others.length).toBeGreaterThan(10)
        for (const name of others)
            expect(read(`dist/${name}`).includes("SymEncryptedIntegrityProtected"), name).toBe(false)
        // What would find it, if it were there.
        expect(read("dist/openpgp.js").includes("SymEncryptedIntegrityProtected")).toBe(true)
    })

    it("says whose work is in it, and on which terms", () => {
        const text = read("dist/licenses.txt").toString()
        const named = [...text.matchAll(/^(\S+) \d[\d.]* \([\w.+-]+\), /gm)].map(([, name]) => name)
        expect(named).toEqual(expect.arrayContaining(["age-encryption", "bcrypt-pbkdf", "commander", "openpgp", "zod"]))
        expect(named).toContain("@noble/curves")
        for (const words of ["GNU LESSER GENERAL PUBLIC LICENSE", "GNU GENERAL PUBLIC LICENSE", "Niels Provos"]) {
            expect(text).toContain(words)
        }
    })

    it("starts its daemon without the libraries for keys", () => {
        for (const name of ["daemon.js", "knockd.js", "web.js"]) {
            expect(read(`dist/${name}`).includes("age-encryption.org/v1"), name).toBe(false)
        }
        expect(read("dist/read-key.js").includes("age-encryption.org/v1")).toBe(true)
    })
})
