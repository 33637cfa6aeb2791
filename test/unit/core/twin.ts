/**
 * The slow, obvious twin of the matcher, written from spec/knock-language.md alone: a list of hits per source, and the
 * rule applied by looking at the end of it. It allocates, it searches, and nobody can misread it.
 */
import type { Wanted } from "../../../src/core/knock/sequence.ts"

export type TwinPacket = { source: string; code: number; mark: number; time: number }
type Hit = { code: number; mark: number; time: number }

const REPEAT_MS = 1500
const SENT_AGAIN_MS = 90_000
const FORGET_MS = 600_000
const FREE_MISSES = 4

export class Twin {
    readonly #sequences: readonly Wanted[]
    readonly #hits = new Map<string, Hit[]>()
    readonly #misses = new Map<string, number>()
    readonly #pausedUntil = new Map<string, number>()
    readonly #lastSeen = new Map<string, number>()
    readonly #depth: number

    constructor(sequences: readonly Wanted[]) {
        this.#sequences = sequences
        this.#depth = Math.max(...sequences.map((s) => s.codes.length))
    }

    /** The doors this packet opens, in order of sequence length. */
    packet({ source, code, mark, time }: TwinPacket): number[] {
        if (time - (this.#lastSeen.get(source) ?? time) > FORGET_MS) {
            this.#hits.delete(source)
            this.#misses.delete(source)
        }
        let hits = this.#hits.get(source) ?? []
        const first = this.#sequences.some((s) => s.codes[0] === code)
        if (hits.length === 0 && !first && (this.#misses.get(source) ?? 0) === 0) return []
        if ((this.#pausedUntil.get(source) ?? 0) > time) return []
        if (this.#isRepeat(hits, code, mark, time)) return []
        this.#lastSeen.set(source, time)
        const before = this.#alive(hits, time)
        const known = this.#sequences.some((s) => s.codes.includes(code))
        hits = known ? [...hits, { code, mark, time }].slice(-this.#depth) : []
        this.#hits.set(source, hits)
        const opened = this.#sequences
            .filter((s) => isEnd(hits, s.codes) && time - hits[hits.length - s.codes.length]!.time <= s.within)
            .sort((a, b) => a.codes.length - b.codes.length)
        if (opened.length > 0) this.#misses.delete(source)
        // A near-miss: an attempt of two or more hits was under way, in time, and this hit is not its next.
        const wentOn =
            opened.some((s) => s.codes.length === before + 1) ||
            this.#begun(hits).some(([s, n]) => n === before + 1 && time - hits[hits.length - n]!.time <= s.within)
        if (before >= 2 && !wentOn) this.#miss(source, time)
        return opened.map((s) => s.door)
    }

    #miss(source: string, time: number): void {
        const misses = (this.#misses.get(source) ?? 0) + 1
        this.#misses.set(source, misses)
        if (misses <= FREE_MISSES) return
        this.#pausedUntil.set(source, time + Math.min(1000 * 2 ** (misses - FREE_MISSES - 1), 64_000))
        this.#hits.set(source, [])
    }

    /** The longest beginning of a sequence that the last hits are, with its window still open at `time`. */
    #alive(hits: readonly Hit[], time: number): number {
        const open = this.#begun(hits).filter(([s, n]) => time - hits[hits.length - n]!.time <= s.within)
        return Math.max(0, ...open.map(([, n]) => n))
    }

    /** Which sequences do the last n hits begin? */
    #begun(hits: readonly Hit[]): [Wanted, number][] {
        return this.#sequences.flatMap((s) =>
            s.codes.flatMap((_, i): [Wanted, number][] => (i > 0 && isEnd(hits, s.codes.slice(0, i)) ? [[s, i]] : [])),
        )
    }

    #isRepeat(hits: readonly Hit[], code: number, mark: number, time: number): boolean {
        const again = (hit: Hit) => hit.code === code && hit.mark === mark && time - hit.time <= SENT_AGAIN_MS
        if (mark !== 0 && hits.some(again)) return true
        const insisted = this.#sequences.some((s) => s.codes.some((c, i) => c === code && s.codes[i - 1] === code))
        const last = hits.at(-1)
        return !insisted && last !== undefined && last.code === code && time - last.time <= REPEAT_MS
    }
}

function isEnd(hits: readonly Hit[], codes: readonly number[]): boolean {
    return hits.length >= codes.length && codes.every((c, i) => hits[hits.length - codes.length + i]!.code === c)
}
