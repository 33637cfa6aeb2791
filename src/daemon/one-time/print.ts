/** One publication: everybody's bundle is put together here, and goes to the press with others. */
import { randomBytes } from "node:crypto"
import { generateIdentity } from "../../adapters/sealing/portable/generate.ts"
import { formatBundle } from "../../core/one-time/bundle.ts"
import type { Desk } from "../../core/one-time/desk.ts"
import { type Looks, likeOthers, looksOf } from "../../core/one-time/looks.ts"
import { bundleOf, type Edition, type PlannedFile, readersOf } from "../../core/one-time/publication.ts"
import { type Recipient, recipientOfX25519 } from "../../core/one-time/recipient.ts"
import { PIECE_MS } from "./pieces.ts"
import type { Press, PressJob, Sheet } from "./press.ts"
import type { Half } from "./spool.ts"

/** Ours: so many texts at most are put together in a piece of time. */
const PIECE_MOST = 64
/** Ours: for so many pieces a reload is waited for; then the publication is begun anew when there are sequences. */
const RELOAD_MOST = 1000
/** Ours: jobs that the press has at once, so that it never waits for the next. */
const AT_ONCE = 2

/** What it works with. */
export type Printing = Omit<PressJob, "sheets" | "now"> & {
    readonly edition: Edition
    readonly desk: Pick<Desk, "upcoming" | "knocker" | "waitsFor">
    readonly press: Press
    /** Milliseconds since 1970. */
    readonly wall: () => number
    /** Hears whose key cannot receive, and why. */
    readonly refused: (knocker: string, detail: string) => void
    /** It shall end. */
    readonly stopped: () => boolean
}

/**
 * All files in the order of the plan, not in their places yet; without those that none of their keys can read. Throws what
 * fails, or if it was stopped.
 */
export async function printAll(plan: readonly PlannedFile[], printing: Printing): Promise<readonly Half[]> {
    const { edition, desk } = printing
    const made = new Map<string, Half>()
    const looks: Looks[] = []
    const bundles = plan.filter((file) => file.for !== null)
    await pressAll(bundles, printing, made, ({ name, kind, for: knocker }) => {
        // Together with the text, and now: a reload may have given him other keys since this was planned, and sequences are
        // for those keys alone that they are made of.
        const recipients = readersOf(desk.knocker(knocker!)?.recipients ?? [], kind)
        if (recipients.length === 0) return null
        const text = formatBundle(bundleOf(edition, knocker!, desk.upcoming(knocker!)))
        looks.push(looksOf(kind, recipients, text.length))
        return { name, kind, recipients, text }
    })
    // What is nobody's comes last, when it is known how others look.
    const nobodys = plan.filter((file) => file.for === null)
    if (nobodys.length === 0) return inOrder(plan, made)
    const likeOne = likeOthers(looks)
    const keys = { age: nobody(), "age-pq": looks.some(({ kind }) => kind === "age-pq") ? await nobodyPq() : nobody() }
    await pressAll(nobodys, printing, made, ({ name }) => {
        const { kind, keys: count, length } = likeOne(name)
        return { name, kind, recipients: Array.from({ length: count }, () => keys[kind]), text: "\n".repeat(length) }
    })
    return inOrder(plan, made)
}

function inOrder(plan: readonly PlannedFile[], made: ReadonlyMap<string, Half>): readonly Half[] {
    return plan.flatMap(({ name }) => made.get(name) ?? [])
}

/** Has these files made, some at a time, while the texts of the next ones are put together. `sheetOf`: null, no file. */
async function pressAll(
    plan: readonly PlannedFile[],
    { desk, press, signing, folder, changed, wall, refused, stopped }: Printing,
    made: Map<string, Half>,
    sheetOf: (file: PlannedFile) => Sheet | null,
): Promise<void> {
    const state = { next: 0, failed: false }
    const work = async () => {
        while (state.next < plan.length && !state.failed) {
            await new Promise((resolve) => setImmediate(resolve))
            // In the middle of a reload nobody has sequences, and a file without would take the place of a good one.
            await reloaded(desk)
            if (stopped()) throw new Error("the daemon stops")
            const whose: (string | null)[] = []
            const sheets: Sheet[] = []
            const until = performance.now() + PIECE_MS
            while (state.next < plan.length && sheets.length < PIECE_MOST && performance.now() < until) {
                const file = plan[state.next++]!
                const sheet = sheetOf(file)
                if (sheet === null) continue
                sheets.push(sheet)
                whose.push(file.for)
            }
            const pressed = await press({ sheets, signing, folder, changed, now: wall() })
            for (const [index, { name, half, refused: keys }] of pressed.entries()) {
                for (const { detail } of keys) refused(whose[index] ?? "", detail)
                if (half !== null) made.set(name, { name, half })
            }
        }
    }
    // When it ends nothing is under way, whatever has failed.
    const ends = await Promise.allSettled(
        Array.from({ length: AT_ONCE }, () =>
            work().catch((error: unknown) => {
                state.failed = true
                throw error
            }),
        ),
    )
    const end = ends.find((one) => one.status === "rejected")
    if (end !== undefined) throw end.reason
}

/** Waits for as long as sequences are being made. Throws, for people, if that takes long. */
async function reloaded(desk: Pick<Desk, "waitsFor">): Promise<void> {
    for (let tries = 0; desk.waitsFor() !== null; tries++) {
        if (tries === RELOAD_MOST) throw new Error(desk.waitsFor() ?? "")
        await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
    }
}

/** A public key that nobody has the other half of: no more can be told of what is encrypted to it. */
function nobody(): Recipient {
    return recipientOfX25519(randomBytes(32))
}

/** The same, where only some bytes are such a key: the other half is forgotten. */
async function nobodyPq(): Promise<Recipient> {
    const { recipient } = await generateIdentity("age-pq")
    return { kind: "age-pq", line: recipient, text: recipient, comment: "" }
}
