/**
 * Plants small bugs, one at a time, in a copy of the sources and runs tests over each: a bug that lives shows a test
 * that is missing or a line that is not needed. Nothing in this tree is changed. Adapters want `--project contract`.
 *
 *     npx tsx tools/plant-bugs.ts [--most 40] [--seed 1] [--project unit] [--tests test/unit/core] src/core/knock/matcher.ts …
 *
 * Prints a line for each bug, `killed` or `LIVES`, with the place and the change. Exit 1 if any lives. Some are no bugs
 * at all (a comparison that cannot be equal, a hash that mixes otherwise): those need a look, not a test.
 */
import { spawn, spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { parseArgs } from "node:util"

/** A tests' run that takes longer than this (ms) hangs, and what hangs is found. */
const TIMEOUT = 120_000

const CHANGES: readonly (readonly [from: string, to: string])[] = [
    [" <= ", " < "],
    [" < ", " <= "],
    [" >= ", " > "],
    [" > ", " >= "],
    [" === ", " !== "],
    [" !== ", " === "],
    [" && ", " || "],
    [" || ", " && "],
    [" ?? ", " && "],
    [" + ", " - "],
    [" - ", " + "],
    [" + 1", ""],
    [" - 1", ""],
    ["++", "--"],
    ["--", "++"],
    ["Math.max(", "Math.min("],
    ["Math.min(", "Math.max("],
    ["Math.ceil(", "Math.floor("],
    ["Math.floor(", "Math.ceil("],
    ["true", "false"],
    ["false", "true"],
]
/** A line that is a statement of its own is also left out. */
const STATEMENT = /^\s+(?:this\.|[a-z]\w*(?:\.\w+)*(?:\[\w+\])? = |[a-z][\w.]*\().*[^{([,]$/i
/** Lines in which a change means nothing: comments, imports, types, what throws for our own mistakes. */
const IDLE = /^\s*(?:\/?\*|\/\/|import |export type |\| |readonly \w+: |throw |.*\): \w+$)/

type Bug = { readonly file: string; readonly line: number; readonly was: string; readonly is: string }

const root = join(import.meta.dirname, "..")
const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        most: { type: "string", default: "40" },
        seed: { type: "string", default: "1" },
        project: { type: "string", multiple: true, default: ["unit"] },
        tests: { type: "string", multiple: true, default: ["test/unit/core", "test/unit/daemon"] },
    },
})
const copy = mkdtempSync(join(tmpdir(), "postern-bugs-"))
try {
    process.exitCode = await main()
} finally {
    rmSync(copy, { recursive: true, force: true })
}

async function main(): Promise<number> {
    const { stdout } = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root })
    for (const file of stdout.toString().split("\0")) {
        if (file !== "")
            cpSync(join(root, file), join(copy, file), { recursive: true, force: true, errorOnExist: false })
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
    if (await found()) {
        say("the tests fail without any bug: nothing to learn")
        return 2
    }
    const bugs = pick(positionals.flatMap((file) => plan(relative(root, join(process.cwd(), file)))))
    let lives = 0
    for (const bug of bugs) {
        const path = join(copy, bug.file)
        const text = readFileSync(path, "utf8")
        const lines = text.split("\n")
        lines[bug.line] = bug.is
        writeFileSync(path, lines.join("\n"))
        const killed = await found()
        writeFileSync(path, text)
        if (!killed) lives++
        say(`${killed ? "killed" : "LIVES "} ${bug.file}:${bug.line + 1}: ${bug.was.trim()}  →  ${bug.is.trim()}`)
    }
    say(`${bugs.length} planted, ${bugs.length - lives} killed, ${lives} alive`)
    return lives === 0 ? 0 : 1
}

/** Every bug that can be planted in this file. */
function plan(file: string): Bug[] {
    return readFileSync(join(root, file), "utf8")
        .split("\n")
        .flatMap((was, line) => {
            if (IDLE.test(was)) return []
            const changed = CHANGES.filter(([from]) => was.includes(from)).map(([from, to]) => was.replace(from, to))
            return [...changed, ...(STATEMENT.test(was) ? [""] : [])].map((is) => ({ file, line, was, is }))
        })
}

/** As many as are wanted, by chance; the same seed picks the same. */
function pick(bugs: readonly Bug[]): readonly Bug[] {
    let state = Number(values.seed)
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)
    const ranked = bugs.map((bug) => ({ bug, rank: random() })).sort((a, b) => a.rank - b.rank)
    return ranked.slice(0, Number(values.most)).map(({ bug }) => bug)
}

/** Do the tests fail, or hang? */
function found(): Promise<boolean> {
    return new Promise((resolve) => {
        const args = ["run", ...values.project.map((name) => `--project=${name}`), "--bail", "1", ...values.tests]
        const child = spawn(join(copy, "node_modules/.bin/vitest"), args, {
            cwd: copy,
            detached: true,
            stdio: "ignore",
        })
        // The whole group: a test that hangs is a child of the runner.
        const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), TIMEOUT)
        child.once("close", (status) => {
            clearTimeout(timer)
            resolve(status !== 0)
        })
    })
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
