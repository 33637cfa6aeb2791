/** What is different in another configuration, and which of it a running daemon cannot take over. */
import type { Config, Gateway } from "./config.ts"
import type { Found } from "./issues.ts"

/** Doors by name: new ones, those that are gone, those that say something else now, and the number of all others. */
export type DoorChanges = {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly changed: readonly string[]
    readonly kept: number
}

/** From `old` to `now`. A door is the same by its name; the order of doors means nothing. */
export function doorChanges(old: Config, now: Config): DoorChanges {
    const before = new Map(old.doors.map((door) => [door.name, door]))
    const after = new Set(now.doors.map(({ name }) => name))
    const known = now.doors.filter(({ name }) => before.has(name))
    const changed = known.filter((door) => !sameData(door, before.get(door.name)))
    return {
        added: now.doors.flatMap(({ name }) => (before.has(name) ? [] : [name])),
        removed: old.doors.flatMap(({ name }) => (after.has(name) ? [] : [name])),
        changed: changed.map(({ name }) => name),
        kept: known.length - changed.length,
    }
}

/** Are these pieces of two configurations equal? */
export function sameData(a: unknown, b: unknown): boolean {
    return JSON.stringify(a) === JSON.stringify(b)
}

/** Keys of [gateway] that hold from start to end: what they name is taken once. */
const FIXED = {
    state: "state",
    audit: "audit",
    socket: "socket",
    socket_group: "socketGroup",
    capture: "capture",
    log_group: "logGroup",
} as const satisfies Readonly<Record<string, keyof Gateway>>

/** A mistake for each of them that is not as it was. `file`: where [gateway] is, or should be. */
export function fixedSettings(running: Gateway, gateway: Gateway, file: string): Found[] {
    return Object.entries(FIXED).flatMap(([key, name]): Found[] =>
        running[name] === gateway[name] ? [] : [{ file, path: ["gateway", key], problem: { code: "fixed" } }],
    )
}
