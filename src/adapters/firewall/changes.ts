/**
 * Grants as changes to set elements, pure. `any4`, `any6` hold the source alone, `open4`, `open6` source . protocol .
 * port, and so do `once4`, `once6` for grants that one connection uses up (once.ts). An element of `any` opens nothing
 * by itself; it lives as long as the longest of its source's grants.
 */
import { type Address, isIPv4 } from "../../core/net/address.ts"
import { TCP, UDP } from "../../core/net/packet.ts"
import type { GrantElement } from "../../core/ruleset.ts"
import type { ElementChange, ElementKey } from "../system/nftables-elements.ts"
import { SHORTEST, type SourceTime } from "./elements.ts"
import { endingOf } from "./ways.ts"

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
    // Another time in place of the old one is another use, too.
    const grants = elements.flatMap((element) => [
        ...put(openKey(element), ms),
        ...(element.once ? take(openKey(element, "spent")) : []),
    ])
    return [...grants, ...sources.flatMap(anyChanges)]
}

/**
 * What taking these elements back comes to: who must be gone, and the changes for sources that stay for another grant.
 */
export function revocation(elements: readonly GrantElement[], sources: readonly SourceTime[]): Revocation {
    const [stay, leave] = [sources.filter(({ ms }) => ms > 0), sources.filter(({ ms }) => ms === 0)]
    return {
        gone: [...elements.map((element) => openKey(element)), ...leave.map(anyKey)],
        kept: stay.flatMap(anyChanges),
    }
}

/** See `revocation`. */
export type Revocation = { readonly gone: readonly ElementKey[]; readonly kept: readonly ElementChange[] }

/** `delete` before the real `add`: no older kernel changes the timeout of an element that is there. */
function put(key: ElementKey, ms: number): ElementChange[] {
    const time = Number.isFinite(ms) ? Math.max(SHORTEST, Math.ceil(ms)) : null
    return [...take(key), { ...key, ms: time }]
}

/**
 * Takes an element out, also if it is gone. `add` before `delete`: no kernel deletes what is not there, and each refused
 * transaction waits for all processors (8 ms and more). Nobody sees what goes in and out in one transaction.
 */
export function take(key: ElementKey): ElementChange[] {
    return [
        { ...key, ms: null },
        { ...key, ms: 0 },
    ]
}

function anyChanges({ source, ms }: SourceTime): ElementChange[] {
    return put(anyKey({ source }), ms)
}

function anyKey({ source }: Pick<SourceTime, "source">): ElementKey {
    return { set: `any${endingOf(source)}`, key: addressBytes(source.address) }
}

function openKey({ source, service, once }: GrantElement, set = once ? "once" : "open"): ElementKey {
    const address = addressBytes(source.address)
    const { protocol, port } = service
    // Each part of a concatenation fills whole registers of four bytes.
    const rest = [protocol === "tcp" ? TCP : UDP, 0, 0, 0, port >> 8, port & 0xff, 0, 0]
    return { set: `${set}${endingOf(source)}`, key: Uint8Array.of(...address, ...rest) }
}

function addressBytes(address: Address): Uint8Array {
    const words = isIPv4(address) ? [address[3]] : address
    return Uint8Array.from(words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]))
}
