/**
 * What this device keeps of a place, durably (spec/enrolment.md, section 4), as a directory of small files that are
 * made once and never changed:
 *
 *     begun                 since the enrolment; holds the key of the link
 *     seen-SERIAL           the newest bundle: the key that is pinned since, and the SHA-256 of what is signed
 *     tried-SEQUENCE-N      the Nth time that this sequence was sent
 *     opened-SEQUENCE       a door opened by it
 *
 * A file that can be made only once is all the locking there is: of two processes one gets it, and a process that dies
 * leaves no lock behind. Numbers only grow: what an older process writes late is below what counts.
 */
import { readdirSync, readFileSync, statSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import type { Seen } from "../../core/one-time/accept.ts"
import { isSigningKey } from "../../core/one-time/link.ts"
import type { Past } from "../../core/one-time/turn.ts"
import { HALF, makeFolder, saveSecret } from "../save.ts"

/** What is believed of a place. */
export type Trusted = {
    /** The key that bundles must be signed with, in base64. */
    readonly key: string
    /** The newest bundle that was accepted; null: none yet. */
    readonly seen: Seen | null
}

/** What is kept of one place. Every method throws what the system refuses, with a `code`. */
export type Keeping = {
    /** Where. */
    readonly folder: string
    /** Null: nothing is kept, or it is damaged. */
    readonly trusted: () => Trusted | null
    /** From now on this key is believed. With another key than before, what was seen is forgotten. */
    readonly begin: (key: string) => void
    /** Keeps that this bundle was seen. False: another one of this serial was seen meanwhile. */
    readonly see: (key: string, seen: Seen) => boolean
    /** What is known of sequences at this moment. */
    readonly history: () => (id: string) => Past
    /** Keeps that the sequence is about to be sent, for the `n`th time. False: somebody else sends it just now. */
    readonly claim: (id: string, n: number) => boolean
    readonly opened: (id: string) => void
    /** Forgets what was tried, but for these. */
    readonly forget: (but: readonly string[]) => void
}

const SEEN = /^seen-(\d{16})$/
const TRIED = /^tried-([0-9a-f]{64})-(\d{1,15})$/
const OPENED = /^opened-([0-9a-f]{64})$/
const CONTENTS = /^(\S{44}) ([0-9a-f]{64})\n$/

/** Ours: what a process that was killed has left half written is older than this (ms) when it goes. */
const HALF_OLD = 3_600_000
/** The code of what is thrown where others may change what is believed. */
const OTHERS = "OTHERS"

/** Throws where others than this user could write: whom to believe is kept there. Root may look after anybody's. */
function guard(folder: string): void {
    const { mode, uid } = statSync(folder)
    const own = process.geteuid?.() ?? uid
    if ((mode & 0o022) === 0 && (own === 0 || uid === own || uid === 0)) return
    throw Object.assign(new Error(`${folder}: others can write to it`), { code: OTHERS })
}

/** The keeping of the place that has this directory. */
export function keepingIn(folder: string): Keeping {
    const names = (): readonly string[] => {
        try {
            guard(folder)
            return readdirSync(folder)
        } catch (error) {
            if (isCode(error, "ENOENT")) return []
            throw error
        }
    }
    /** False: it is there already. */
    const make = (name: string, text: string): boolean => {
        makeFolder(folder)
        guard(folder)
        try {
            saveSecret(join(folder, name), text, false)
            return true
        } catch (error) {
            if (isCode(error, "EEXIST")) return false
            throw error
        }
    }
    const remove = (name: string): void => {
        try {
            unlinkSync(join(folder, name))
        } catch (error) {
            if (!isCode(error, "ENOENT")) throw error
        }
    }
    const latest = () =>
        names()
            .filter((name) => SEEN.test(name))
            .toSorted()
            .at(-1)
    /** Null: it has gone meanwhile. */
    const read = (name: string): string | null => {
        try {
            return readFileSync(join(folder, name), "utf8")
        } catch (error) {
            if (isCode(error, "ENOENT")) return null
            throw error
        }
    }

    const trusted = (): Trusted | null => {
        for (;;) {
            const name = latest()
            if (name === undefined) {
                const key = (read("begun") ?? "").trimEnd()
                return isSigningKey(key) ? { key, seen: null } : null
            }
            const text = read(name)
            // Another process has seen a newer one, and taken this one away.
            if (text === null) continue
            const [, key = "", contents = ""] = CONTENTS.exec(text) ?? []
            return isSigningKey(key) ? { key, seen: { serial: Number(SEEN.exec(name)![1]), contents } } : null
        }
    }

    return {
        folder,
        trusted,
        begin(key) {
            if (trusted()?.key === key) return
            for (const name of names()) if (SEEN.test(name)) remove(name)
            remove("begun")
            make("begun", `${key}\n`)
        },
        see(key, { serial, contents }) {
            const name = `seen-${String(serial).padStart(16, "0")}`
            const text = `${key} ${contents}\n`
            // Where it has gone again, a newer one was seen.
            if (!make(name, text) && (read(name) ?? text) !== text) return false
            for (const older of names()) if (SEEN.test(older) && older < name) remove(older)
            return true
        },
        history() {
            const tries = new Map<string, number>()
            const opened = new Set<string>()
            for (const name of names()) {
                const [, tried, n] = TRIED.exec(name) ?? []
                // The highest number, not how many there are: the next one is free, even if somebody took some away.
                if (tried !== undefined) tries.set(tried, Math.max(tries.get(tried) ?? 0, Number(n)))
                const open = OPENED.exec(name)?.[1]
                if (open !== undefined) opened.add(open)
            }
            return (id) => ({ tries: tries.get(id) ?? 0, opened: opened.has(id) })
        },
        claim: (id, n) => make(`tried-${id}-${n}`, ""),
        opened: (id) => void make(`opened-${id}`, ""),
        forget(but) {
            for (const name of names()) {
                if (HALF.test(name) && isOld(join(folder, name))) remove(name)
                const id = (TRIED.exec(name) ?? OPENED.exec(name))?.[1]
                if (id !== undefined && !but.includes(id)) remove(name)
            }
        },
    }
}

function isOld(file: string): boolean {
    const stats = statSync(file, { throwIfNoEntry: false })
    return stats !== undefined && Date.now() - stats.mtimeMs > HALF_OLD
}

function isCode(error: unknown, code: string): boolean {
    return error instanceof Error && "code" in error && error.code === code
}
