/** What is said of interfaces that are not there, or not for us, when the daemon begins. */
import type { Gateway } from "../../core/config/config.ts"
import { interfacesName } from "../../core/knockd/interfaces.ts"
import type { Links } from "../../ports/links.ts"

/** In knockd's words, if one interface is named and there is none. */
export function missingText(interfaces: Gateway["interfaces"], links: Links): string | null {
    if (typeof interfaces === "string" || interfaces.length > 1) return null
    const [name = ""] = interfaces
    if (links.current().interfaces.some((one) => one.name === name)) return null
    return `could not open ${name}: ${name}: No such device exists (No such device exists)`
}

/** In knockd's words, without the right to listen anywhere. */
export function deniedText(name: string): string {
    const denied = "You don't have permission to perform this capture on that device"
    return `could not open ${name}: ${name}: ${denied} (socket: Operation not permitted)`
}

/** What is listened on as soon as it is there, in sentences for the log. */
export function waitedFor(interfaces: Gateway["interfaces"], links: Links): string[] {
    const { interfaces: there, defaultRoutes } = links.current()
    if (interfaces === "auto") return defaultRoutes.length > 0 ? [] : ["auto: there is no default route yet: waiting"]
    const names = interfaces === "any" ? [] : interfaces
    const missing = names.filter((name) => !there.some((one) => one.name === name))
    return missing.map((name) => `${name}: there is no such interface yet: waiting`)
}

/** What is said after SIGHUP of others than those that we listen on; null: they are the same. */
export function laterText(now: Gateway["interfaces"], later: Gateway["interfaces"]): string | null {
    const [here, there] = [interfacesName(now), interfacesName(later)]
    return here === there ? null : `listening on ${here} until the next start, and then on ${there}`
}
