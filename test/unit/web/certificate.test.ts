import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Certificate } from "../../../src/web/certificate.ts"

describe("Certificate", () => {
    let folder: string
    beforeAll(() => {
        folder = mkdtempSync(join(tmpdir(), "postern-certificate-"))
        execFileSync("mkfifo", [join(folder, "fifo")])
        writeFileSync(join(folder, "large"), "")
        truncateSync(join(folder, "large"), 2 ** 32)
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    it.each([
        ["fifo", /fifo is not a file/],
        ["large", /large is too large/],
        [".", /is not a file/],
        ["none", /ENOENT/],
    ])("is not waited for in %s", (name, why) => {
        const cert = join(folder, name)
        expect(() => new Certificate({ cert, key: cert }, () => {})).toThrow(why)
    })
})
