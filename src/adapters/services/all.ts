import { messageOf } from "../../core/thrown.ts"
import type { Services } from "../../ports/services.ts"
import { type Published, publishedServices } from "./published.ts"
import { socketServices } from "./sockets.ts"

/** Sockets and published ports together. A failed look leaves the last answer in force and is told once. */
export function allServices(trouble: (what: string) => void): Services {
    let published: Published | null
    try {
        published = publishedServices()
    } catch {
        published = null
    }
    const sockets = socketServices()
    let last: ReturnType<Services["offered"]> = []
    let rewritten: ReturnType<Services["offered"]> = []
    let told = false
    return {
        offered: () => {
            try {
                rewritten = published?.offered() ?? []
                last = [...sockets.offered(), ...rewritten]
                told = false
            } catch (error) {
                if (!told) trouble(`cannot see what this host offers: ${messageOf(error)}`)
                told = true
            }
            return last
        },
        published: () => (published?.translates() === true ? rewritten : null),
    }
}
