/**
 * Grants as changes to set elements, pure. `any4`, `any6` hold the source alone, `open4`, `open6` source . protocol .
 * port. An element of `any` opens nothing by itself; it lives as long as the longest of its source's grants.
 */
import { isIPv4 } from "../../core/net/address.ts"
import { TCP, UDP } from "../../core/net/packet.ts"
import type { GrantElement } from "../../core/ruleset.ts"
import type { ElementChange } from "../system/nftables-elements.ts"
import { familyOf, SHORTEST, type SourceTime } from "./elements.ts"

/**
 * Lets the elements through for `ms`, and keeps their sources in `any` as told. Throws RangeError for a time without
 * an end or below 0: whoever wants that is mistaken.
 */
export function grantChanges(
    elements: readonly GrantElement[],
    ms: number,
    sources: readonly SourceTime[],
): ElementChange[] {
    if (!Number.isFinite(ms) || ms <= 0) throw new RangeError(`a grant must end: ${ms} ms`)
    return [...elements.flatMap((element) => put(openKey(element), ms)), ...sources.flatMap(anyChanges)]
}

/** Takes the elements back, those that are gone already too, and sets their sources' time in `any`. */
export function revokeChanges(elements: readonly GrantElement[], sources: readonly SourceTime[]): ElementChange[] {
    return [...elements.flatMap((element) => take(openKey(element))), ...sources.flatMap(anyChanges)]
}

type Key = Pick<ElementChange, "set" | "key">

/** `delete` before the real `add`: no older kernel changes the timeout of an element that is there. */
function put(key: Key, ms: number): ElementChange[] {
    const time = Number.isFinite(ms) ? Math.max(SHORTEST, Math.ceil(ms)) : null
    return [...take(key), { ...key, ms: time }]
}

/**
 * `add` before `delete`: no kernel deletes what is not there, and each refused transaction waits for all processors
 * (8 ms and more). Nobody sees what goes in and out in one transaction.
 */
function take(key: Key): ElementChange[] {
    return [
        { ...key, ms: null },
        { ...key, ms: 0 },
    ]
}

function anyChanges({ source, ms }: SourceTime): ElementChange[] {
    const key = { set: `any${familyOf(source)}`, key: addressBytes(source) }
    return ms === 0 ? take(key) : put(key, ms)
}

function openKey({ source, service }: GrantElement): Key {
    const address = addressBytes(source)
    const { protocol, port } = service
    // Each part of a concatenation fills whole registers of four bytes.
    const rest = [protocol === "tcp" ? TCP : UDP, 0, 0, 0, port >> 8, port & 0xff, 0, 0]
    return { set: `open${familyOf(source)}`, key: Uint8Array.of(...address, ...rest) }
}

function addressBytes(address: GrantElement["source"]): Uint8Array {
    const words = isIPv4(address) ? [address[3]] : address
    return Uint8Array.from(words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]))
}
