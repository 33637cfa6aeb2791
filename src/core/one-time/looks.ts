/**
 * What a file that is nobody's looks like to those who watch the web root (spec/bundle.md, section 5): like somebody's. If all
 * such files were alike, and knockers' were not, they would show.
 */
import type { FileKind, Recipient } from "./recipient.ts"

/** What shows of a file. `length`: that of its text, which its size comes from. */
export type Looks = { readonly kind: "age" | "age-pq"; readonly keys: number; readonly length: number }

/** Where there is nothing to look like. */
const LONE: Looks = { kind: "age", keys: 1, length: 0 }
/** Ours: so many letters of a name, of 32 kinds each, are a number from 0 to 1. */
const LETTERS = 6
const BASE = 32

/** How this file of somebody looks, as far as a file of nobody can: keys of SSH and OpenPGP show that they are somebody's. */
export function looksOf(kind: FileKind, recipients: readonly Recipient[], length: number): Looks {
    return { kind: kind === "age-pq" ? kind : "age", keys: recipients.length, length }
}

/**
 * Which of these looks the file of each name has. It is always about the same one, however many there are: a file that looked
 * otherwise each time would show that it is nobody's.
 */
export function likeOthers(looks: readonly Looks[]): (name: string) => Looks {
    const sorted = looks.toSorted((a, b) => a.kind.length - b.kind.length || a.keys - b.keys || a.length - b.length)
    return (name) => {
        const part = Number.parseInt(name.slice(0, LETTERS).replace(/[a-z2-7]/g, digit), BASE) / BASE ** LETTERS
        return sorted[Math.floor(part * sorted.length)] ?? LONE
    }
}

/** Base32 has other digits than JavaScript. */
function digit(letter: string): string {
    return "abcdefghijklmnopqrstuvwxyz234567".indexOf(letter).toString(BASE)
}
