/** The records of the journal as text, one a line (spec/journal.md). */
import { type Address, formatAddress, parseAddress } from "../net/address.ts"
import { decodeNumber, decodeText, findByte } from "./ascii.ts"

/** Whose stop program: a door by its name, and a source. */
export type StopKey = { readonly door: string; readonly source: Address }

/** A stop program that is still to run, at `due` (milliseconds since 1970). */
export type StopNote = StopKey & { readonly due: number }

/** Why not everything is known: the store was made then, or found damaged; or an operator has decided from when on. */
export type TrustReason = "new" | "damage" | "operator"

/** One fact that the journal keeps. */
export type StoreRecord =
    /** From `since` on everything is known, or an operator takes it for known. */
    | { readonly type: "trust"; readonly since: number; readonly why: TrustReason }
    /** Claims up to this moment have been forgotten. */
    | { readonly type: "floor"; readonly until: number }
    | { readonly type: "claim"; readonly id: string; readonly until: number }
    | { readonly type: "count"; readonly key: string; readonly n: number }
    | ({ readonly type: "stop" } & StopNote)
    | ({ readonly type: "struck" } & StopKey)

/** A name that a record can hold: of claims, counters and doors. */
const NAME = /^[\x21-\x7e]{1,200}$/

/** Can a record hold this as a name? */
export function isStoreName(text: string): boolean {
    return NAME.test(text)
}

/** Can a record hold this as a number: whole, 0 to 2^53 - 1? */
export function isStoreNumber(n: number): boolean {
    return Number.isSafeInteger(n) && n >= 0
}

/** The line of a record, without its end. */
export function formatRecord(record: StoreRecord): string {
    switch (record.type) {
        case "trust":
            return `trust ${record.since} ${record.why}`
        case "floor":
            return `floor ${record.until}`
        case "claim":
            return `claim ${record.until} ${record.id}`
        case "count":
            return `count ${record.n} ${record.key}`
        case "stop":
            return `stop ${record.due} ${formatAddress(record.source)} ${record.door}`
        case "struck":
            return `struck ${formatAddress(record.source)} ${record.door}`
    }
}

/** Reads a line. Null for anything but what `formatRecord` writes. */
export function parseRecord(line: string): StoreRecord | null {
    const record = read(line.split(" "))
    return record !== null && formatRecord(record) === line ? record : null
}

/** Reads the line that these bytes hold, as `parseRecord` does. Null for anything but what `formatRecord` writes. */
export function decodeRecord(bytes: Uint8Array, from: number, to: number): StoreRecord | null {
    return decodeCount(bytes, from, to) ?? parseRecord(decodeText(bytes, from, to))
}

const SPACE = 0x20
const COUNT = Uint8Array.from("count ", (char) => char.charCodeAt(0))

/** A counter, straight from the bytes: there can be millions, of all else some ten thousand. Null: look more closely. */
function decodeCount(bytes: Uint8Array, from: number, to: number): StoreRecord | null {
    for (let i = 0; i < COUNT.length; i++) if (bytes[from + i] !== COUNT[i]) return null
    const space = findByte(bytes, SPACE, from + COUNT.length, to)
    if (space === to) return null
    const n = decodeNumber(bytes, from + COUNT.length, space)
    const key = n === null ? "" : decodeText(bytes, space + 1, to)
    return n !== null && isStoreName(key) ? { type: "count", key, n } : null
}

function read([type = "", first = "", second = "", third = ""]: readonly string[]): StoreRecord | null {
    if (type === "struck") {
        const source = parseAddress(first)
        return source !== null && isStoreName(second) ? { type, source, door: second } : null
    }
    const n = Number(first)
    if (!isStoreNumber(n)) return null
    switch (type) {
        case "trust":
            return second === "new" || second === "damage" || second === "operator"
                ? { type, since: n, why: second }
                : null
        case "floor":
            return { type, until: n }
        case "claim":
            return isStoreName(second) ? { type, id: second, until: n } : null
        case "count":
            return isStoreName(second) ? { type, key: second, n } : null
        case "stop": {
            const source = parseAddress(second)
            return source !== null && isStoreName(third) ? { type, due: n, source, door: third } : null
        }
        default:
            return null
    }
}
