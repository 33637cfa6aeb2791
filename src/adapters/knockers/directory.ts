/**
 * The knockers of a gateway: a directory with a file for each. Read a piece at a time, so that the daemon sees packets in
 * between; files that have not changed since the last time are not read again.
 */
import { type BigIntStats, lstatSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { MAX_KNOCKERS, MAX_PROBLEMS } from "../../core/config/defaults.ts"
import { type Problem, unreadable } from "../../core/config/issues.ts"
import type { KnockersRead } from "../../core/config/parse.ts"
import { issuesIn } from "../../core/config/places.ts"
import {
    formatPath,
    type Knocker,
    type KnockerRead,
    knockerName,
    MAX_KNOCKER_FILE,
    parseKnocker,
    type ReadKey,
    strangeDoors,
} from "../../core/one-time/knocker.ts"
import { readTextFile, troubleOf } from "../system/text-file.ts"

/** Ours: so long (ms) at a time. */
const PIECE_MS = 4

type Kept = { readonly stamp: string; readonly read: KnockerRead }

/** Reads a directory of knockers, again and again. */
export class KnockerFiles {
    readonly #readKey: ReadKey
    readonly #kept = new Map<string, Kept>()

    constructor(readKey: ReadKey) {
        this.#readKey = readKey
    }

    /**
     * Reads all of them. `doors`: the names of those with one-time sequences; others in a file are a mistake. A directory
     * that is not there holds nobody. Nothing throws.
     */
    async read(directory: string, doors: ReadonlySet<string>): Promise<KnockersRead> {
        const listed = list(directory)
        const issues = await issuesIn(directory, null, listed.problems.map(atTop), formatPath)
        const strange = listed.strange.map((name) => ({
            file: join(directory, shown(name)),
            code: "knocker-name" as const,
        }))
        for (const { file, code } of strange)
            issues.push(...(await issuesIn(file, null, [atTop({ code })], formatPath)))
        const knockers: Knocker[] = []
        let wrong = issues.some(({ severity }) => severity === "error")
        let mistakes = 0
        let until = performance.now() + PIECE_MS
        for (const { name, file } of listed.files) {
            if (performance.now() > until) {
                await new Promise(setImmediate)
                until = performance.now() + PIECE_MS
            }
            const read = await this.#one(directory, file, name, doors)
            if (read === null) continue
            if (read.ok) knockers.push(read.knocker)
            else if (++mistakes === MAX_PROBLEMS) {
                const problem = { code: "too-many-problems", most: MAX_PROBLEMS } as const
                issues.push(...(await issuesIn(directory, null, [atTop(problem)], formatPath)))
            }
            wrong ||= !read.ok
            if (mistakes <= MAX_PROBLEMS && issues.length < 2 * MAX_PROBLEMS) issues.push(...read.issues)
        }
        this.#forget(directory, listed.files)
        return wrong ? { ok: false, issues } : { ok: true, knockers, issues }
    }

    /** Null: it was taken away since the directory was read. */
    async #one(directory: string, file: string, name: string, doors: ReadonlySet<string>): Promise<KnockerRead | null> {
        const path = join(directory, file)
        const stamp = stampOf(path)
        const kept = this.#kept.get(path)
        const known = kept !== undefined && stamp !== null && kept.stamp === stamp
        // What had a mistake is read again: its places are not kept.
        if (known && kept.read.ok && strangeDoors(kept.read.knocker, doors).length === 0) return kept.read
        const text = readTextFile(path, MAX_KNOCKER_FILE)
        if (stamp === null && isGone(path)) return null
        const read = await parseKnocker({ name, file: path, ...text }, this.#readKey)
        if (stamp !== null && read.ok) this.#kept.set(path, { stamp, read })
        if (!read.ok) return read
        const strange = strangeDoors(read.knocker, doors)
        if (strange.length === 0) return read
        const more = await issuesIn(path, typeof text.text === "string" ? text.text : null, strange, formatPath)
        return { ok: false, issues: [...read.issues, ...more] }
    }

    #forget(directory: string, files: readonly { readonly file: string }[]): void {
        if (this.#kept.size <= files.length) return
        const there = new Set(files.map(({ file }) => join(directory, file)))
        for (const path of this.#kept.keys()) if (!there.has(path)) this.#kept.delete(path)
    }
}

type Listed = {
    readonly files: readonly { readonly name: string; readonly file: string }[]
    /** Names that are no knocker's. */
    readonly strange: readonly string[]
    readonly problems: readonly Problem[]
}

function list(directory: string): Listed {
    const problems: Problem[] = []
    let names: string[] = []
    try {
        if ((statSync(directory).mode & 0o022) !== 0) problems.push({ code: "knockers-writable" })
        names = readdirSync(directory).sort()
    } catch (error) {
        const trouble = troubleOf(error)
        const missing = trouble.trouble === "missing"
        problems.push(missing ? { code: "knockers-missing" } : unreadable("knockers", trouble))
    }
    const seen = names.filter((name) => !isBackup(name))
    const strange = seen.filter((name) => knockerName(name) === null).slice(0, MAX_PROBLEMS)
    const files = seen.flatMap((file) => {
        const name = knockerName(file)
        return name === null ? [] : [{ name, file }]
    })
    if (files.length <= MAX_KNOCKERS) return { files, strange, problems }
    return { files: [], strange: [], problems: [...problems, { code: "too-many-knockers", most: MAX_KNOCKERS }] }
}

/** Is there nothing of this name? A link that leads nowhere is something. */
function isGone(path: string): boolean {
    try {
        lstatSync(path)
        return false
    } catch (error) {
        return troubleOf(error).trouble === "missing"
    }
}

/** A name that is told must not look like lines of its own, whatever somebody has called a file. */
function shown(name: string): string {
    return name.replaceAll(/\p{Cc}/gu, "\ufffd")
}

/** What editors and package managers leave beside a file: hidden ones, `NAME~`, `#NAME#`, `NAME.bak`, `.dpkg-…`. */
function isBackup(name: string): boolean {
    return /^\.|~$|^#.*#$|\.(bak|orig|old|rej|swp|tmp)$|\.(dpkg|ucf|rpm)[\w-]*$/.test(name)
}

function atTop(problem: Problem) {
    return { path: [], problem }
}

/** Changes whenever the file does. Null: it cannot be looked at. */
function stampOf(path: string): string | null {
    try {
        const { dev, ino, size, mtimeNs, ctimeNs, mode }: BigIntStats = statSync(path, { bigint: true })
        return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs} ${mode}`
    } catch {
        return null
    }
}
