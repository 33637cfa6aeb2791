/** Where a door leads to, as text: an address, and perhaps a port. */
import { formatAddress, isIPv4, parseAddress } from "../net/address.ts"
import type { Place } from "./config.ts"

/** `10.0.0.5`, `10.0.0.5:2222`, `fd00::5` or `[fd00::5]:2222`; null for anything else. */
export function parsePlace(text: string): Place | null {
    const [, bracketed, bare, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::([1-9]\d{0,4}))?$/.exec(text) ?? []
    const address = parseAddress(bracketed ?? bare ?? text)
    if (address === null || (bracketed !== undefined && isIPv4(address))) return null
    const port = digits === undefined ? null : Number(digits)
    return port !== null && port > 65_535 ? null : { address, port }
}

/** What `parsePlace` reads. */
export function formatPlace({ address, port }: Place): string {
    const text = formatAddress(address)
    if (port === null) return text
    return `${isIPv4(address) ? text : `[${text}]`}:${port}`
}
