/** Files of equal sizes (spec/bundle.md, section 5). */

/** The smallest file. */
const LEAST = 4096

/** The least of 4, 8, 16 … KiB that holds so many bytes. */
export function sizeClass(bytes: number): number {
    let size = LEAST
    while (size < bytes) size *= 2
    return size
}

/**
 * How many bytes of padding a text gets so that its file is as near to the size class as can be, and not above. `sizeOf`
 * says how long the file of a text of so many bytes is; it never falls.
 */
export function paddingFor(text: number, sizeOf: (text: number) => number): number {
    const size = sizeClass(sizeOf(text))
    // What is sealed is never shorter than its text.
    let [least, above] = [0, size - text + 1]
    while (above - least > 1) {
        const middle = Math.floor((least + above) / 2)
        if (sizeOf(text + middle) <= size) least = middle
        else above = middle
    }
    return least
}
