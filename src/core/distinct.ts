/**
 * How many different sources were there, about? A HyperLogLog (Flajolet et al., 2007): a few thousand small numbers
 * instead of a list, however many come. It is off by 1.6 % (one standard deviation), and all but exact below a hundred.
 */
import { mix } from "./mix.ts"

/** Ours: registers; the error is 1.04 / √REGISTERS. */
const REGISTERS = 4096
/** The paper's correction for so many registers. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)

/** See the head of the file. `seed`: two random 32-bit numbers, so that nobody can aim at one register. */
export class Distinct {
    readonly #seed: readonly [number, number]
    readonly #ranks = new Uint8Array(REGISTERS)

    constructor(seed: readonly [number, number]) {
        this.#seed = seed
    }

    /** Counts the source of these words, once. */
    add(a: number, b: number, c: number, d: number): void {
        const [s0, s1] = this.#seed
        const register = mix(mix(mix(mix(s0, a), b), c), d) & (REGISTERS - 1)
        const rank = Math.clz32(mix(mix(mix(mix(s1, d), c), b), a)) + 1
        if (rank > this.#ranks[register]!) this.#ranks[register] = rank
    }

    /** About how many there were; a whole number. */
    estimate(): number {
        let sum = 0
        let empty = 0
        for (const rank of this.#ranks) {
            sum += 2 ** -rank
            if (rank === 0) empty++
        }
        const raw = (ALPHA * REGISTERS * REGISTERS) / sum
        // Where few registers are in use, how many are not says more.
        if (raw <= 2.5 * REGISTERS && empty > 0) return Math.round(REGISTERS * Math.log(REGISTERS / empty))
        return Math.round(raw)
    }

    /** Forgets all. */
    clear(): void {
        this.#ranks.fill(0)
    }
}
