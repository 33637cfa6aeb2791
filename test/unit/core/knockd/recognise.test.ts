import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { isKnockdConf } from "../../../../src/core/knockd/recognise.ts"

const VECTORS = join(import.meta.dirname, "../../../../vectors")

it.each<[string, string, boolean]>([
    ["/etc/knockd.conf", "", true],
    ["knockd-test.conf", "", true],
    ["/etc/knockd.conf.dpkg-old", "", true],
    ["knockd.toml", "[d]\n sequence = 1,2\n", false],
    ["doors.conf", "[d]\n sequence = 1,2\n", true],
    ["doors.conf", "[options]\r\n\tUseSyslog\r\n", true],
    ["doors", "[ my door ]\nSTART_COMMAND = x\n", true],
    ["doors.conf", "[gateway]\ninterfaces = 'any'\n", false],
    ["doors.conf", "[[door]]\nname = 'd'\nsequence = { hits = [1] }\n", false],
    ["doors.conf", "[door]\ncommand = { start = ['/x'] }\n", false],
    ["doors.conf", "sequence = 1,2\n", false],
    ["empty.conf", "", false],
])("isKnockdConf() %s %j: %s", (path, text, knockd) => {
    expect(isKnockdConf(path, text)).toBe(knockd)
})

it("isKnockdConf() tells the vectors apart, whatever they are called", () => {
    for (const name of readdirSync(join(VECTORS, "config"))) {
        const { files } = JSON.parse(readFileSync(join(VECTORS, "config", name), "utf8"))
        for (const { text } of files) expect([name, isKnockdConf("a.conf", text)]).toEqual([name, false])
    }
})
