/** The documents say what the program does: commands, options, exit codes, examples, log lines, keys, links. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { describe, expect, it, test } from "vitest"
import { readConfigFiles } from "../../src/adapters/config/files.ts"
import { knockersBeside } from "../../src/adapters/knockers/beside.ts"
import { readKeyLate } from "../../src/adapters/sealing/late.ts"
import { programOf } from "../../src/cli/main.ts"
import { KNOCK_NOTES } from "../../src/cli/texts/knock-help.ts"
import { fixedSettings } from "../../src/core/config/changes.ts"
import { GATEWAY } from "../../src/core/config/defaults.ts"
import { readConfig } from "../../src/core/config/parse.ts"
import { KEYS } from "../../src/core/config/schema.ts"
import { CATALOGUE } from "../../src/core/doctor/catalogue.ts"
import { parseProfile } from "../../src/core/knock/profile.ts"
import { parseAddress } from "../../src/core/net/address.ts"
import type { Report } from "../../src/core/report.ts"
import { run } from "../../src/daemon/command.ts"
import { knockdVerb } from "../../src/daemon/knockd/command.ts"
import { EXIT } from "../../src/voice/exit.ts"
import { reportText } from "../../src/voice/reports.ts"
import { web } from "../../src/web/command.ts"
import { writeKnocker } from "../lab/one-time.ts"

const root = join(import.meta.dirname, "../..")
const read = (path: string) => readFileSync(join(root, path), "utf8")
const markdown = (folder: string) =>
    readdirSync(join(root, folder))
        .filter((name) => name.endsWith(".md"))
        .map((name) => join(folder, name))
const PAGES = [".", "docs", "spec", "decisions"].flatMap(markdown)

/** The command line of the program, as it is built from. */
const program = programOf([run, web, knockdVerb], async () => {})
const commands = program.commands.map((command) => command.name())

/** In the place of knockd and of knock their words are read by other rules: the built program is asked, once. */
const others = new Map(
    ["knockd", "knock-compat"].map((command) => [
        command,
        spawnSync(join(root, "postern"), [command, "--help"], { encoding: "utf8", timeout: 30_000 }).stdout,
    ]),
)

/** What stands under a heading, down to the next one of its rank. */
function section(page: string, heading: string): string {
    const rank = heading.slice(0, heading.indexOf(" "))
    const rest = page.split(`\n${heading}\n`)[1]
    if (rest === undefined) throw new Error(`no ${heading}`)
    return rest.split(new RegExp(`^${rank} `, "m"))[0]!
}

/** `-c --config`, sorted; of a command, or of all of them. */
function helpOptions(command?: string): string[] {
    const which = command === undefined ? program : program.commands.find((one) => one.name() === command)
    const help = others.get(command ?? "") ?? which!.helpInformation()
    const lines = help.matchAll(/^ {2}((?:-\w, )?--[\w-]+)/gm)
    return [...lines].map(([, names]) => names!.replace(",", "")).toSorted()
}

/** As `helpOptions`, from lines such as "`-4`, `--ipv4` · `-d`, `--delay TIME`". */
function pageOptions(page: string): string[] {
    return [...section(page, "## Options").matchAll(/^`-.*$/gm)]
        .flatMap(([line]) => line.split(" · "))
        .map((names) => names.replaceAll(/[`,]/g, "").replaceAll(/ [A-Z-]+$/g, ""))
        .toSorted()
}

const codes = (page: string) =>
    [...section(page, "## Exit status").matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))

const blocks = (page: string, kind: string) =>
    [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text!)

describe("the manual pages", () => {
    it("are there for every command, and for no other", () => {
        const pages = readdirSync(join(root, "docs")).flatMap(
            (name) => /^postern-([\w-]+)\.1\.md$/.exec(name)?.[1] ?? [],
        )
        expect(pages.toSorted()).toEqual(commands.toSorted())
        const listed = [...section(read("docs/postern.1.md"), "## Commands").matchAll(/`postern ([\w-]+)`/g)]
        expect(listed.map(([, name]) => name!).toSorted()).toEqual(commands.toSorted())
    })

    it("have every option of the program, and no other", () => {
        expect(pageOptions(read("docs/postern.1.md"))).toEqual(helpOptions())
        for (const command of commands) {
            const options = helpOptions(command).filter((option) => option !== "-h --help")
            expect(pageOptions(read(`docs/postern-${command}.1.md`)), command).toEqual(options)
        }
    })

    it("have the exit codes of the program", () => {
        const table = [...section(read("docs/postern.1.md"), "## Exit status").matchAll(/^\| (\d+) \| `(\w+)`/gm)]
        expect(Object.fromEntries(table.map(([, code, name]) => [name, Number(code)]))).toEqual(EXIT)
        const known: readonly number[] = Object.values(EXIT)
        // It takes another program's place, which has its own.
        expect(codes(read("docs/postern-knockd.1.md"))).toEqual([0, 1, 2, 15])
        for (const command of commands) {
            if (command === "knockd") continue
            const said = codes(read(`docs/postern-${command}.1.md`))
            expect(said, command).toEqual(known.filter((code) => said.includes(code)))
            // knock knows two.
            expect(said.length, command).toBeGreaterThan(command === "knock-compat" ? 1 : 3)
        }
    })

    it("describe every key of a configuration, and no other", () => {
        const page = read("docs/postern.toml.5.md")
        for (const [table, keys] of KEYS) {
            if (!table.startsWith("[")) continue
            const text = section(page, table.startsWith("[door.") ? `### ${table}` : `## ${table}`).split(
                /\n#{2,3} /,
            )[0]!
            const described = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key!)
            // Tables inside tables have a section of their own.
            const inner = table.replace(/^\[+|\]+$/g, "")
            const plain = keys.filter((key) => !page.includes(`[${inner}.${key}]`))
            expect(described.toSorted(), table).toEqual(plain.toSorted())
        }
    })
})

describe("postern-doctor(1)", () => {
    it("has a row for every finding, with its severities, and no other", () => {
        const rows = [...section(read("docs/postern-doctor.1.md"), "## What it finds").matchAll(/^\| `.*$/gm)]
        const table = Object.entries(CATALOGUE).map(
            ([code, { severities, summary }]) => `| \`${code}\` | ${severities.join(", ")} | ${summary} |`,
        )
        expect(rows.map(([row]) => row)).toEqual(table)
    })
})

describe("postern-reload(1)", () => {
    it("names every setting that a reload cannot change", () => {
        const other = {
            state: "/other",
            audit: false,
            socket: "/other",
            socketGroup: "other",
            logGroup: 1,
            firewall: "iptables",
        } as const
        const more = { interfaces: "any", uniform: true, attempts: 1024, grants: 16, capture: "nflog" } as const
        const fixed = fixedSettings(GATEWAY, { ...GATEWAY, ...other, ...more }, "").map(
            ({ path }) => `\`${path.at(-1)}\``,
        )
        const sentence = /Some settings hold from start to end: ([^.]*)\./.exec(read("docs/postern-reload.1.md"))![1]!
        expect([...sentence.matchAll(/`\w+`/g)].map(([key]) => key).toSorted()).toEqual(fixed.toSorted())
    })
})

describe("every example", () => {
    it("of a command names a command and options that exist", () => {
        let seen = 0
        for (const page of PAGES) {
            for (const [, command, rest] of read(page).matchAll(
                /\bpostern (run|web|status|watch|metrics|log|grant|revoke|reload|state|check|doctor|keygen|enroll|fetch|user|bundle|lead|scan|knockd|knock-compat|knock|[a-z]+ -)([^\n`|;&)"]*)/g,
            )) {
                expect(commands, `${page}: postern ${command}`).toContain(command)
                const known = helpOptions(command).flatMap((names) => names.split(" "))
                for (const [, option] of rest!.matchAll(/\s(--?[A-Za-z][\w-]*)/g)) {
                    expect(known, `${page}: postern ${command}${rest}`).toContain(option)
                    seen++
                }
            }
        }
        expect(seen).toBeGreaterThan(15)
    })

    it("of a configuration has no issue but that its sequences are published", async () => {
        const folder = mkdtempSync(join(tmpdir(), "postern-docs-"))
        try {
            const texts = PAGES.filter((page) => !page.endsWith("postern-knock.1.md")).flatMap((page) =>
                blocks(read(page), "toml"),
            )
            expect(texts.length).toBeGreaterThan(4)
            writeKnocker(join(folder, "users.d"), "anna")
            const installed = read("docs/postern.toml")
            for (const text of [installed, installed.replace(/^# (?=hide = true)/m, ""), ...texts]) {
                const file = join(folder, "postern.toml")
                writeFileSync(file, text, { mode: 0o600 })
                const knockers = knockersBeside(file, readKeyLate)
                const { issues } = await readConfig(readConfigFiles(file), { listening: null, knockers })
                // A page that everybody can read shows no sequence of its own making: that is all there is to say.
                const others = issues.map(({ code }) => code).filter((code) => code !== "published")
                // What is installed hides nothing before a knock has been tried.
                expect(others).toEqual(text === installed ? ["not-hidden"] : [])
            }
        } finally {
            rmSync(folder, { recursive: true })
        }
    })

    it("of a profile can be read", () => {
        const examples = [
            ...blocks(read("docs/postern-knock.1.md"), "toml"),
            /^ {2}host = .*?(?=\n\n)/ms.exec(KNOCK_NOTES)?.[0],
        ]
        expect(examples).toHaveLength(3)
        for (const example of examples) expect(parseProfile(example!)).toMatchObject({ ok: true })
    })

    it("of make names a target", () => {
        const targets = [...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name)
        const named = PAGES.flatMap((page) => [...read(page).matchAll(/(?:`| {4}|^)make ([a-z-]+)/gm)])
        expect(named.length).toBeGreaterThan(5)
        for (const [, target] of named) expect(targets).toContain(target)
    })
})

describe("the log lines of postern-run(1)", () => {
    /** The fixed parts of each line and its level; words in capitals and `…` stand for something. */
    const lines = [...section(read("docs/postern-run.1.md"), "## The log").matchAll(/^\| (`.*?) \| (\w+) \|/gm)].map(
        ([, line, level]) => ({ level, parts: line!.replaceAll("`", "").split(/…|\b[A-Z]{1,}(?:\b|$)/) }),
    )
    const source = parseAddress("198.51.100.7")!
    const who = { door: "ssh", source } as const
    const opened = { type: "opened", ...who, opens: [{ protocol: "tcp", port: 22 }], ms: 30_000 } as const
    const reloaded = { added: 1, removed: 2, changed: 3, kept: 4, hooks: 0, knockers: 0, gateway: [], ended: 5 }
    const hiding = { services: [{ protocol: "tcp", port: 22 }] } as const
    const spoiled = { type: "spoiled", ...who, stage: 2, of: 4, after: 1200 } as const
    const REPORTS: Readonly<Record<string, Report>> = {
        stage: { type: "stage", ...who, stage: 1, of: 3 },
        timeout: { type: "timeout", ...who, stage: 1, of: 3, within: 15_000 },
        late: { type: "late", ...who, stage: 3, of: 3, ms: 15_400, within: 15_000 },
        "spoiled, begun anew": { ...spoiled, by: { what: "again", nth: 1 } },
        "spoiled, again": { ...spoiled, by: { what: "again", nth: 2 } },
        "spoiled, out of order": { ...spoiled, by: { what: "early", nth: 4 } },
        "spoiled by a protocol": { ...spoiled, by: { what: "protocol", protocol: "udp" } },
        "spoiled by another": { ...spoiled, by: { what: "other", protocol: "tcp" } },
        source: { type: "refused", ...who, code: "source" },
        share: { type: "refused", ...who, code: "share" },
        grants: { type: "refused", ...who, code: "grants" },
        firewall: { type: "refused", ...who, code: "firewall" },
        paused: { type: "paused", source, ms: 1000 },
        opened: { ...opened, renewed: false },
        renewed: { ...opened, renewed: true },
        given: { type: "given", ...who, opens: opened.opens, ms: 600_000, uid: 1000 },
        revoked: { type: "revoked", ...who, uid: 0 },
        closed: { type: "closed", ...who, by: "time" },
        "closed by a knock": { type: "closed", ...who, by: "knock" },
        "closed by a reload": { type: "closed", ...who, by: "reload" },
        reloaded: { type: "reload", uid: null, done: true, ...reloaded },
        "reloaded by hand": { type: "reload", uid: 7, done: true, ...reloaded },
        "reloaded, with more than doors": {
            type: "reload",
            uid: null,
            done: true,
            ...reloaded,
            hooks: 2,
            gateway: ["grants", "services"],
        },
        "reloaded by many": {
            type: "reload",
            uid: 7,
            others: Array.from({ length: 20 }, (_, uid) => uid),
            done: true,
            ...reloaded,
        },
        "hidden on trial": { type: "hiding", ...hiding, how: "trial", ms: 60_000, uid: 7 },
        "trial lapsed": { type: "hiding", ...hiding, how: "lapsed" },
        "trial ended": { type: "hiding", ...hiding, how: "ended", uid: 7 },
        hidden: { type: "hiding", ...hiding, more: 3, how: "hidden" },
        "not hidden": { type: "hiding", ...hiding, how: "shown" },
        "open to everyone": { type: "hiding", ...hiding, how: "opened", uid: 7 },
        "not hidden by hand": { type: "hiding", ...hiding, how: "refused", asked: "hide", code: "service", uid: 7 },
        spared: { type: "hiding", ...hiding, how: "spared", ms: 60_000 },
        "spared no longer": { type: "hiding", ...hiding, how: "unspared" },
        "not reloaded": { type: "reload", uid: 7, done: false, code: "configuration", problems: 1 },
        suppressed: { type: "suppressed", count: 7, sources: 3, ms: 1000, kinds: [{ kind: "stage", count: 7 }] },
    }

    it.each(Object.entries(REPORTS))("have what the daemon says: %s", (_, report) => {
        const said = reportText(report, 1_700_000_000_000)
        const found = lines.filter(({ parts }) => holds(said.text, parts))
        expect(found.map(({ level }) => level)).toEqual([said.level])
    })

    it("are all said somewhere in the sources", () => {
        const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
            .filter((name) => name.endsWith(".ts"))
            .map((name) => read(join("src", name)))
            .join("\n")
        expect(lines.length).toBeGreaterThan(25)
        // Some words are filled in, and short parts such as ": " prove nothing.
        const fixed = lines
            .flatMap(({ parts }) => parts.flatMap((part) => part.split(/[:,] (?:closed |running |start )?|watching /)))
            .map((part) => part.replaceAll(/^[ :,)]+|[ :,(]+$/g, ""))
        expect(fixed.filter((part) => part.length > 8 && !sources.includes(part))).toEqual([])
    })
})

/** Does the text begin with the first part, and have the others after it, in order? */
function holds(text: string, parts: readonly string[]): boolean {
    let at = 0
    for (const [index, part] of parts.entries()) {
        const found = text.indexOf(part, at)
        if (found < 0 || (index === 0 && found > 0)) return false
        at = found + part.length
    }
    return true
}

describe("the decisions", () => {
    it("have numbers of their own, in name and heading", () => {
        const pages = markdown("decisions").map((page) => [page.slice("decisions/".length, 14), read(page)] as const)
        expect(new Set(pages.map(([number]) => number)).size).toBe(pages.length)
        for (const [number, page] of pages) expect(page.split(". ")[0]).toBe(`# ${Number(number)}`)
    })
})

describe("what a document points to is there", () => {
    test.each(PAGES)("%s", (page) => {
        const text = read(page)
        const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
        for (const link of links.filter((target) => !/^https?:/.test(target))) {
            const [path, anchor] = link.split("#")
            const target = path === "" ? page : join(dirname(page), path!)
            expect(existsSync(join(root, target)), `${page}: ${link}`).toBe(true)
            if (anchor === undefined) continue
            const anchors = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, title]) => slug(title!))
            expect(anchors, `${page}: ${link}`).toContain(anchor)
        }
        // Files that are named, such as `src/core/errand.ts`.
        for (const [, path] of text.matchAll(/`((?:src|test|tools|bench|spec|docs|decisions|vectors)\/[\w./-]+)`/g)) {
            expect(existsSync(join(root, path!)), `${page}: ${path}`).toBe(true)
        }
    })
})

/** A heading's anchor, as GitHub makes them. */
function slug(title: string): string {
    return title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-")
}
