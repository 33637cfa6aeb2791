/** Set elements and times as nftables writes them: both directions, pure. */
import type { Service } from "../../core/knock/hit.ts"
import { formatDuration, UNITS } from "../../core/knock/language.ts"
import { formatAddress, type Network, parseAddress } from "../../core/net/address.ts"
import type { GrantElement } from "../../core/ruleset.ts"

/**
 * A grant in the kernel with the time it has left, in milliseconds; Infinity for one without an end. `used`: see the
 * port.
 */
export type LiveElement = { readonly element: GrantElement; readonly left: number; readonly used: boolean }

/** How long a source's element of `any` must live, in milliseconds; 0: not at all, Infinity: for ever. */
export type SourceTime = { readonly source: Network; readonly ms: number }

/**
 * Kernels count in ticks of up to 10 ms, and older ones round less than a tick down to 0, which means for ever.
 * Ours: two ticks.
 */
export const SHORTEST = 20

/** An element of `open4` or `open6`: `192.0.2.7 . tcp . 22`. */
export function formatElement({ source, service }: GrantElement): string {
    return `${formatAddress(source.address)} . ${formatService(service)}`
}

/** `tcp . 22`. */
export function formatService({ protocol, port }: Service): string {
    return `${protocol} . ${port}`
}

/**
 * A time as nftables reads it: `1d2h`, `1s500ms`. Its parser takes at most 8 digits per unit, so milliseconds alone
 * would end at 27 hours. Never shorter than the kernel can count. Throws RangeError unless `ms` is above 0.
 */
export function formatTime(ms: number): string {
    if (!(ms > 0 && Number.isFinite(ms))) throw new RangeError(`not a time for a kernel timeout: ${ms} ms`)
    return formatDuration(Math.max(SHORTEST, Math.ceil(ms)))
}

/** A time as nftables prints it, in milliseconds; null for anything else. Others may have chosen it: there is no most. */
export function parseTime(text: string): number | null {
    if (!/^(\d{1,8}(ms|[dhms]))+$/.test(text)) return null
    let ms = 0
    for (const [, count, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) {
        ms += Number(count) * UNITS.find(([name]) => name === unit)![1]
    }
    return ms
}

/**
 * The elements in the output of `list set` for `open4` or `open6` and, `once`, for `once4` or `once6`. JSON would give
 * whole seconds only. `bits`: of the networks that the set holds. Whatever is not a grant (another's comments, other
 * protocols) is left out.
 */
export function parseElements(output: string, once = false, bits = 128): LiveElement[] {
    const plain = output.replaceAll(/"[^"]*"/g, "").replaceAll(` ${ONE_USE}`, "")
    const found: LiveElement[] = []
    for (const [, address, protocol, port, times] of plain.matchAll(ELEMENT)) {
        const from = parseAddress(address!)
        const service = {
            protocol: protocol === "6" || protocol === "tcp" ? "tcp" : "udp",
            port: Number(port),
        } as const
        const expires = /expires (\w+)/.exec(times!)
        const left = expires === null ? Number.POSITIVE_INFINITY : parseTime(expires[1]!)
        if (from !== null && left !== null && service.port <= 65535)
            found.push({ element: { source: { address: from, bits }, service, once }, left, used: false })
    }
    return found
}

/** What counts the one use of an element: a bucket that is not full again before the longest grant has ended. */
export const ONE_USE = "limit rate 1/week burst 1 packets"

const ELEMENT = /([0-9a-f.:]{2,45}) \. (6|17|tcp|udp) \. (\d{1,5})((?: (?:timeout|expires) \w+)*)/g
