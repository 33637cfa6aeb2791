/** "Did you mean": the known word nearest to one that was typed. */

/**
 * The word of `known` that is nearest to `word`, or null if none is near: at most one slip for short words, two for
 * words of five letters and more. Capitals do not count, `-` and `_` are the same.
 */
export function nearest(word: string, known: readonly string[]): string | null {
    const typed = plain(word)
    const allowed = typed.length < 5 ? 1 : 2
    let best: string | null = null
    let least = allowed + 1
    for (const candidate of known) {
        const distance = editDistance(typed, plain(candidate), allowed)
        if (distance < least) [best, least] = [candidate, distance]
    }
    return best
}

/**
 * Slips between two words: a letter too many, too few, wrong, or two neighbours swapped (optimal string alignment).
 * Words that differ in length by more than `most` are not compared: the answer is then `most + 1`.
 */
export function editDistance(a: string, b: string, most: number): number {
    if (Math.abs(a.length - b.length) > most) return most + 1
    let before: number[] = []
    let last = Array.from({ length: b.length + 1 }, (_, j) => j)
    for (let i = 1; i <= a.length; i++) {
        const row = [i]
        for (let j = 1; j <= b.length; j++) {
            const same = a[i - 1] === b[j - 1]
            let slips = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
                slips = Math.min(slips, before[j - 2]! + 1)
            row.push(slips)
        }
        ;[before, last] = [last, row]
    }
    return last[b.length]!
}

function plain(word: string): string {
    return word.toLowerCase().replaceAll("-", "_")
}
