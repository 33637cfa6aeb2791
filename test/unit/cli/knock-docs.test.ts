import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Command } from "commander"
import { expect, test } from "vitest"
import { knock } from "../../../src/cli/commands/knock.ts"
import { KNOCK_NOTES } from "../../../src/cli/texts/knock-help.ts"
import { parseProfile } from "../../../src/core/knock/profile.ts"
import { EXIT } from "../../../src/shared/exit.ts"

const page = readFileSync(join(import.meta.dirname, "../../../doc/postern-knock.1.md"), "utf8")

test("the profiles of the manual page and of the help are right", () => {
    const examples = [/```toml\n(.*?)```/s.exec(page)?.[1], /^ {2}host = .*?(?=\n\n)/ms.exec(KNOCK_NOTES)?.[0]]
    for (const example of examples) expect(parseProfile(example!)).toMatchObject({ ok: true })
})

test("the manual page has every option, and no other", () => {
    const program = new Command()
    knock.define(program, () => Promise.resolve())
    const options = program.commands[0]!.options.map(({ long }) => String(long)).toSorted()
    const described = [
        ...page
            .split("## Options")[1]!
            .split("## Secrets")[0]!
            .matchAll(/^`-.*$/gm),
    ].flatMap(([line]) => [...line.matchAll(/--[\w-]+/g)].map(([option]) => option))
    expect(described.toSorted()).toEqual(options)
})

test("the manual page has the exit codes of the table", () => {
    const codes = [...page.split("## Exit status")[1]!.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))
    expect(Object.values(EXIT)).toEqual(expect.arrayContaining(codes))
    expect(codes).toEqual([0, 1, 2, 3, 5, 6, 130])
})
