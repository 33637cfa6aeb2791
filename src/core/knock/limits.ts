/** What may be called a host or a door, and how long a knock may be: on the command line, in profiles and configurations. */
import { parseHit } from "./language.ts"

/** The most hits a knock can have. */
export const MAX_HITS = 32
/** The most times a knock is repeated by itself. */
export const MAX_RETRIES = 10

/** Can a door be called so? Never something that is a hit, or a number and so was meant to be one. */
export function isDoorName(text: string): boolean {
    return /^(?=.*[a-z])[a-z0-9][\w.-]{0,63}$/i.test(text) && !parseHit(text).ok
}

/** Can a host be called so? Only what can never be an option or several words; the name service decides the rest. */
export function isHost(text: string): boolean {
    return /^[^\s/-][^\s/]{0,254}$/.test(text)
}
