import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { Issue } from "../../../../src/core/config/issues.ts"
import { type ConfigFile, readConfig } from "../../../../src/core/config/parse.ts"
import type { Service } from "../../../../src/core/knock/hit.ts"
import { parseService } from "../../../../src/core/knock/language.ts"
import type { Scenario } from "../../../../tools/vectors/config-scenario.ts"

const FOLDER = join(import.meta.dirname, "../../../../vectors/config")

const names = readdirSync(FOLDER)
const vectors: readonly Scenario[] = names.map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")))

function service(text: string): Service {
    const read = parseService(text)
    if (!read.ok) throw new Error(text)
    return read.value
}

function shown({ file, line, column, severity, code, path }: Issue): string {
    const name = file === "postern.toml" ? "" : `${file}:`
    return `${name}${line}:${column} ${severity} ${code} ${path}`.trimEnd()
}

/** So many knockers, who may open every door. */
function everybody(count: number) {
    const one = { recipients: [], doors: null, generation: 0, comment: "" }
    return {
        ok: true as const,
        knockers: Array.from({ length: count }, (_, i) => ({ ...one, name: `k${i}` })),
        issues: [],
    }
}

async function check(
    { files, listening, lacks = [], knockers }: Scenario,
    change: (text: string) => string = (text) => text,
) {
    const changed: ConfigFile[] = files.map((file) => ({ ...file, text: change(file.text) }))
    return readConfig(changed, {
        listening: listening?.map(service) ?? null,
        lacks: (kind, name) => lacks.includes(`${kind} ${name}`),
        ...(knockers === undefined ? {} : { knockers: () => Promise.resolve(everybody(knockers)) }),
    })
}

describe("readConfig() finds every issue, and nothing else", () => {
    test.each(vectors)("$name", async (vector) => {
        const reading = await check(vector)
        expect(reading.issues.map(shown)).toEqual(vector.issues)
        expect(reading.ok).toBe(!vector.issues.some((issue) => issue.includes(" error ")))
    })
})

test("every message says how to mend it in one line, and holds no hit of a sequence", async () => {
    const codes = new Set<string>()
    for (const vector of vectors) {
        for (const issue of (await check(vector)).issues) {
            codes.add(issue.code)
            expect(issue.message).toMatch(/^[^\n]{10,240}$/)
            expect(issue.message).not.toMatch(/undefined|null|\[object/)
            // The numbers that the scenarios use as hits; the examples in messages are those of the manual.
            if (issue.path.includes("hits"))
                expect(issue.message).not.toMatch(/48231|51002|33871|24417|60123|32145|07000/)
        }
    }
    // A code that no scenario reaches is a sentence that nobody has read. Files that cannot be read are elsewhere.
    expect([...codes].toSorted()).toMatchInlineSnapshot(`
      [
        "address",
        "always-everyone",
        "always-unhidden",
        "argument",
        "at-or-lead-to",
        "browsers-refuse",
        "bundles-unused",
        "closes-itself",
        "closes-unknown",
        "contains",
        "count",
        "does-nothing",
        "duration-range",
        "elsewhere",
        "ends-alike",
        "flags-not-new",
        "fragments",
        "guessable",
        "headers-in-clear",
        "headers-readable",
        "hidden-twice",
        "hide-unused",
        "host",
        "in-order",
        "interface",
        "later",
        "listed-twice",
        "listening",
        "long-grant",
        "long-window",
        "mark",
        "missing",
        "name",
        "needs-bundles",
        "needs-hide",
        "needs-opens",
        "needs-stop",
        "network",
        "nflog-without-nftables",
        "no-directory",
        "no-doors",
        "no-group",
        "no-knockers",
        "no-program",
        "no-way-in",
        "not-hidden",
        "not-its-directory",
        "not-its-file",
        "not-its-program",
        "nothing-listens",
        "nothing-published",
        "odds",
        "one-target",
        "own-service",
        "ping-default",
        "place",
        "place-loopback",
        "place-port",
        "place-twice",
        "placeholder",
        "ports",
        "power-of-two",
        "published",
        "range",
        "readable",
        "refused",
        "relative",
        "repeated",
        "same-knock",
        "scannable",
        "second-bundles",
        "second-door",
        "second-gateway",
        "second-hook",
        "short",
        "short-lifetime",
        "small-pool",
        "syntax",
        "too-many-hooks",
        "too-many-lengths",
        "too-many-upcoming",
        "too-many-views",
        "twice-running",
        "type",
        "uniform-unused",
        "unknown-key",
        "url",
        "uses-at",
        "uses-one-service",
        "uses-unhidden",
        "uses-without-nftables",
        "well-known",
        "wide-network",
        "writable",
      ]
    `)
})

test("readConfig() never throws: every scenario cut short, after every seventh character of it", async () => {
    for (const [i, vector] of vectors.filter(({ name }) => !/views|too-many/.test(name)).entries()) {
        const length = Math.max(...vector.files.map(({ text }) => text.length))
        // Scenarios begin alike: each is cut elsewhere.
        for (let cut = i % 7; cut < length; cut += 7) {
            const reading = await check(vector, (text) => text.slice(0, cut))
            for (const { line, column } of reading.issues) expect(line > 0 && column > 0).toBe(true)
        }
    }
})
