/** The files of one publication: each bundle is put together, signed and sealed, a few at a time. */
import { randomBytes } from "node:crypto"
import { signBundle, type signingKey } from "../../adapters/sealing/sign.ts"
import { formatBundle, formatSigned } from "../../core/one-time/bundle.ts"
import { bundleOf, type Edition, type PlannedFile, readersOf } from "../../core/one-time/publication.ts"
import { type Recipient, recipientOfX25519 } from "../../core/one-time/recipient.ts"
import type { PublisherKeeping } from "./publisher.ts"
import type { Half, Turn } from "./spool.ts"

/** Ours (ms): so long at a time; then packets have as long. */
const PIECE_MS = 2
/** Ours: for so many pieces a reload is waited for; then the publication is begun anew when there are sequences. */
const RELOAD_MOST = 1000
/** Ours: files that are sealed at once. */
const AT_ONCE = 8

/** See the head of the file. */
export class Print {
    readonly #edition: Edition
    readonly #signing: readonly ReturnType<typeof signingKey>[]
    readonly #turn: Turn
    readonly #keeping: Pick<PublisherKeeping, "desk" | "sealer" | "spool" | "wall">
    readonly #refused: (who: string, detail: string) => void
    /** The longest text so far: what is nobody's looks like it. */
    #longest = 0
    #until = 0

    constructor(
        edition: Edition,
        signing: readonly ReturnType<typeof signingKey>[],
        turn: Turn,
        keeping: Pick<PublisherKeeping, "desk" | "sealer" | "spool" | "wall">,
        refused: (who: string, detail: string) => void,
    ) {
        this.#edition = edition
        this.#signing = signing
        this.#turn = turn
        this.#keeping = keeping
        this.#refused = refused
    }

    /** All of them, beside their places, in the order of their names; less if `stop` says so. */
    async all(plan: readonly PlannedFile[], stop: () => boolean): Promise<readonly Half[]> {
        const made = new Map<string, Half>()
        try {
            // What is nobody's comes last, when it is known how long others are.
            await this.#each(
                [...plan].sort((a, b) => Number(a.for === null) - Number(b.for === null)),
                stop,
                made,
            )
        } catch (error) {
            for (const { drop } of made.values()) await drop()
            throw error
        }
        return plan.flatMap(({ name }) => made.get(name) ?? [])
    }

    async #each(plan: readonly PlannedFile[], stop: () => boolean, made: Map<string, Half>): Promise<void> {
        let next = 0
        let failed: unknown = null
        const work = async () => {
            while (next < plan.length && failed === null && !stop()) {
                const planned = plan[next++]!
                try {
                    const file = await this.#seal(planned)
                    if (file !== null)
                        made.set(planned.name, await this.#keeping.spool.write(planned.name, file, this.#turn))
                } catch (error) {
                    failed ??= error
                }
            }
        }
        await Promise.all(Array.from({ length: AT_ONCE }, work))
        if (failed !== null) throw failed
    }

    /** The file; null: none of his keys can receive. */
    async #seal(planned: PlannedFile): Promise<Uint8Array | null> {
        const { desk, sealer, wall } = this.#keeping
        if (planned.for === null) {
            const text = new Uint8Array(this.#longest)
            const sealed = await sealer.seal(text, planned.kind, [nobody()], wall())
            if (!sealed.ok) throw new Error(sealed.detail)
            return sealed.file
        }
        await this.#breathe()
        // In the middle of a reload nobody has sequences, and a file without would take the place of a good one.
        for (let tries = 0; desk.waitsFor() !== null; tries++) await this.#reloaded(tries)
        const knocker = planned.for
        // Together with the text, and now: a reload may have given him other keys since this was planned, and sequences
        // are for those keys alone that they are made of.
        let recipients = readersOf(desk.knocker(knocker)?.recipients ?? [], planned.kind)
        if (recipients.length === 0) return null
        const text = this.#textOf(knocker)
        this.#longest = Math.max(this.#longest, text.length)
        while (recipients.length > 0) {
            const sealed = await sealer.seal(text, planned.kind, recipients, wall())
            if (sealed.ok) return sealed.file
            this.#refused(knocker, sealed.detail)
            const others = recipients.filter(({ line }) => line !== sealed.line)
            // Otherwise it would never end.
            if (others.length === recipients.length) throw new Error(sealed.detail)
            recipients = others
        }
        return null
    }

    #textOf(knocker: string): Uint8Array {
        const signed = formatBundle(bundleOf(this.#edition, knocker, this.#keeping.desk.upcoming(knocker)))
        const signatures = this.#signing.map((key) => base64(signBundle(key, signed)))
        return Buffer.from(formatSigned({ signed, signatures }), "latin1")
    }

    /** Waits for a moment. Throws, for people, if it was waited for long. */
    async #reloaded(tries: number): Promise<void> {
        if (tries === RELOAD_MOST) throw new Error(this.#keeping.desk.waitsFor() ?? "")
        await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
    }

    /** After a piece of work as long a rest: packets come first. */
    async #breathe(): Promise<void> {
        const now = performance.now()
        if (this.#until === 0) this.#until = now + PIECE_MS
        if (now < this.#until) return
        this.#until = 0
        await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
    }
}

/** A public key that nobody has the other half of: no more can be told of what is encrypted to it. */
function nobody(): Recipient {
    return recipientOfX25519(randomBytes(32))
}

/** As text (RFC 4648). */
export function base64(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64")
}
