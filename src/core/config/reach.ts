/** What must hold of where services are: `at` and `lead_to` of doors. */
import { codeOf, type HitCode, type Service } from "../knock/hit.ts"
import { formatService } from "../knock/language.ts"
import { type Address, formatAddress, isIPv4 } from "../net/address.ts"
import type { Config, Door } from "./config.ts"
import type { Found, Path, Problem } from "./issues.ts"
import { formatPlace } from "./place.ts"
import type { DoorEntry } from "./rules.ts"

type Say = (path: Path, problem: Problem) => void

/** Every breach of them. */
export function checkReach(entries: readonly DoorEntry[], hide: Config["hide"]): Found[] {
    const found: Found[] = []
    // What [hide] opens to everyone has been hidden before, and may be again.
    const hides = (door: Door) => door.hide || door.opens.every((one) => hide.some(({ service }) => same(service, one)))
    /** Where each service was first, and which door said so. */
    const places = new Map<HitCode, { readonly where: string; readonly door: string }>()
    for (const { file, index, door } of entries) {
        if (door === null) continue
        const say: Say = (path, problem) => found.push({ file, path: ["door", index, ...path], problem })
        if (door.at.length > 0) keyAtAll(door, "at", hides(door), say)
        if (door.leadTo.length > 0) keyAtAll(door, "lead_to", hides(door), say)
        if (door.at.length > 0 && door.uses !== null) say(["uses"], { code: "uses-at" })
        ofPlaces(door, say)
        const where = whereOf(door)
        for (const [at, service] of door.opens.entries()) {
            const code = codeOf(service)
            const first = places.get(code)
            if (first === undefined) places.set(code, { where, door: door.name })
            else if (first.where !== where)
                say(["opens", at], { code: "elsewhere", service: formatService(service), door: first.door })
        }
    }
    return found
}

function keyAtAll({ opens }: Door, key: "at" | "lead_to", hidden: boolean, say: Say): void {
    if (opens.length > 0 && !hidden) say([key], { code: "needs-hide", key })
}

function same(a: Service, b: Service): boolean {
    return codeOf(a) === codeOf(b)
}

function ofPlaces({ opens, at, leadTo }: Door, say: Say): void {
    if (at.length > 0 && leadTo.length > 0) say(["lead_to"], { code: "at-or-lead-to" })
    const ports = new Set(opens.map(({ port }) => port))
    for (const [index, { address, port }] of leadTo.entries()) {
        const path = ["lead_to", index]
        const family = isIPv4(address)
        if (leadTo.slice(0, index).some((other) => isIPv4(other.address) === family)) say(path, { code: "place-twice" })
        if (port !== null && ports.size > 1) say(path, { code: "place-port" })
        if (isLoopback(address)) say(path, { code: "place-loopback" })
    }
}

/** Equal for doors whose services are in the same places. */
function whereOf({ at, leadTo }: Door): string {
    return `${at.map(formatAddress).sort().join()} ${leadTo.map(formatPlace).sort().join()}`
}

/** 127.0.0.0/8 or ::1. */
function isLoopback(address: Address): boolean {
    const text = formatAddress(address)
    return text === "::1" || (isIPv4(address) && text.startsWith("127."))
}
