/** Moments as people say them on a command line. */
import { parseDuration } from "../../core/knock/language.ts"

const DATE = /^\d{4}-\d\d-\d\d$/
const TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?$/

/**
 * Milliseconds since 1970, or null if this is no moment: `now`; a length of time, such as `90m` or `2d`, that is so long
 * ago; a date, which means its first moment; a date with a time, both of this place unless they say otherwise.
 */
export function parseWhen(text: string, now: number): number | null {
    if (text === "now") return now
    const ago = parseDuration(text)
    if (ago.ok) return Math.max(0, now - ago.value)
    const iso = DATE.test(text) ? `${text}T00:00:00` : TIME.test(text) ? text.replace(" ", "T") : null
    const moment = iso === null ? Number.NaN : Date.parse(iso)
    // A day that the month has not is taken for one of the next.
    const real = iso !== null && new Date(`${iso.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(iso.slice(8, 10))
    return Number.isNaN(moment) || moment < 0 || !real ? null : moment
}
