/** The two-sample Kolmogorov-Smirnov test: can two sets of times come from one distribution? */

/** `distance`: the largest between the two distributions, 0 to 1; `p`: how likely it is that large by chance. */
export type Test = { readonly distance: number; readonly p: number }

/** So many terms are more than enough: they shrink as exp(-k²). */
const TERMS = 100

/** Compares two samples. Neither may be empty. */
export function kolmogorovSmirnov(first: readonly number[], second: readonly number[]): Test {
    const [a, b] = [first.toSorted((x, y) => x - y), second.toSorted((x, y) => x - y)]
    let [i, j, distance] = [0, 0, 0]
    while (i < a.length && j < b.length) {
        const value = Math.min(a[i]!, b[j]!)
        while (i < a.length && a[i] === value) i++
        while (j < b.length && b[j] === value) j++
        distance = Math.max(distance, Math.abs(i / a.length - j / b.length))
    }
    const size = Math.sqrt((a.length * b.length) / (a.length + b.length))
    return { distance, p: kolmogorov((size + 0.12 + 0.11 / size) * distance) }
}

/** The upper tail of Kolmogorov's distribution, with Stephens' approximation for finite samples (1970) in its argument. */
function kolmogorov(x: number): number {
    // Below this the series does not converge, and the answer is 1 to all digits.
    if (x < 0.2) return 1
    let sum = 0
    for (let k = 1; k <= TERMS; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x)
    return Math.min(1, Math.max(0, sum))
}

/** The middle value; of an even number of them the lower of the two. */
export function median(values: readonly number[]): number {
    return values.toSorted((a, b) => a - b)[(values.length - 1) >>> 1] ?? Number.NaN
}
