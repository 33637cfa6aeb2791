/** One round of a 32-bit multiplicative mixer: the secret is in the seed that it starts from, the spreading here. */
export function mix(h: number, word: number): number {
    let x = Math.imul(h ^ word, 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (x ^ (x >>> 16)) | 0
}
