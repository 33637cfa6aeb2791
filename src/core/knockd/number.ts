/** Numbers as knockd reads them. */
import { trimmed } from "./text.ts"

/**
 * What atoi(3) makes of a text: leading blanks, a sign, then digits for as long as there are any, cut to 32 bits; 0 for
 * everything else. `odd`: the text is not simply this number.
 */
export function readNumber(text: string): { readonly value: number; readonly odd: boolean } {
    const match = /^[\t-\r ]*([+-]?\d+)/.exec(text)
    const value = match === null ? 0 : Number(BigInt.asIntN(32, clamp(BigInt(match[1]!))))
    return { value, odd: trimmed(text) !== String(value) }
}

/** What strtol(3) makes of numbers that a `long` cannot hold. */
function clamp(value: bigint): bigint {
    const most = (1n << 63n) - 1n
    return value > most ? most : value < -most - 1n ? -most - 1n : value
}
