/** How hard a fixed sequence is to guess, as a number of bits: an estimate for warnings, on the side of the guesser. */
import type { Hit } from "../knock/hit.ts"

/**
 * The first hit is worth its port's 16 bits; each next one what its distance is worth: people who choose by hand, and
 * so those who guess, stay near, and a repeat is worth nothing. A change of protocol is worth one bit. Whole bits.
 */
export function guessBits(hits: readonly Hit[]): number {
    let bits = 0
    hits.forEach((hit, i) => {
        const before = hits[i - 1]
        const full = hit.protocol === "icmp" ? 11 : 16
        if (!before || before.protocol !== hit.protocol) bits += full + (before ? 1 : 0)
        else bits += Math.min(full, Math.log2(2 * Math.abs(hit.port - before.port) + 1))
    })
    return Math.floor(bits)
}

/** Sequences from manuals, tutorials and sample files, as their hits' texts. Everyone who guesses begins with these. */
const PUBLISHED: ReadonlySet<string> = new Set([
    // knockd's sample configuration, both ways, and its manual page
    "7000 8000 9000",
    "9000 8000 7000",
    "2222:udp 3333 4444:udp",
    "2222:udp 3333:udp 4444:udp",
    "7000 8000 9000 10000",
    "123:udp 456 789:udp",
    // tutorials that everyone finds first
    "1111 2222 3333",
    "3333 2222 1111",
    "1111 2222 3333 4444",
    "500 1001 456",
    "571 290 911",
    "911 290 571",
    "8881 7777 9991",
    "10005 10006 10007",
    "1234 2345 3456",
    // our own pages
    "32144 21312:udp icmp:321",
    "32144 21312:udp 44871 icmp:321",
])

/** Does this sequence stand in a manual? `text` is its hits in the knock language, with one blank between. */
export function isPublished(text: string): boolean {
    return PUBLISHED.has(text)
}
