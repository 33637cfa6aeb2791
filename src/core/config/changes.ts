/** What is different in another configuration, and which of it a running daemon cannot take over. */
import { formatService } from "../knock/language.ts"
import type { Knocker } from "../one-time/knocker.ts"
import type { Config, Gateway } from "./config.ts"
import type { Found } from "./issues.ts"

/**
 * Doors, hooks or knockers by name: new ones, gone ones, those that say something else now; and the number of all
 * others.
 */
export type Changes = {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly changed: readonly string[]
    readonly kept: number
}

/**
 * What another configuration changes. `gateway`: keys of [gateway], as they are written, those of [bundles], and
 * services of [hide].
 */
export type ConfigChanges = { readonly doors: Changes; readonly hooks: Changes; readonly gateway: readonly string[] }

/** From `old` to `now`. A door or hook is the same by its name; their order means nothing. */
export function configChanges(old: Config, now: Config): ConfigChanges {
    const before = new Map(Object.entries(old.gateway))
    const other = Object.entries(now.gateway).filter(([name, value]) => !sameData(value, before.get(name)))
    const gateway = other.map(([name]) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    const settings = [...gateway, ...bundleChanges(old.bundles, now.bundles), ...hideChanges(old.hide, now.hide)]
    return { doors: changesOf(old.doors, now.doors), hooks: changesOf(old.hooks, now.hooks), gateway: settings }
}

/** Keys of [bundles], or the table as a whole. */
function bundleChanges(old: Config["bundles"], now: Config["bundles"]): string[] {
    if (old === null || now === null) return old === now ? [] : ["bundles"]
    const before = new Map(Object.entries(old))
    const other = Object.entries(now).filter(([name, value]) => !sameData(value, before.get(name)))
    return other.map(([name]) => `bundles.${name}`)
}

/** Lines of [hide]. */
function hideChanges(old: Config["hide"], now: Config["hide"]): string[] {
    const [before, after] = [linesOf(old), linesOf(now)]
    const names = [...new Set([...before.keys(), ...after.keys()])]
    return names.filter((name) => before.get(name) !== after.get(name)).map((name) => `hide.${name}`)
}

function linesOf(rules: Config["hide"]): ReadonlyMap<string, boolean> {
    return new Map(rules.map(({ service, hide }) => [formatService(service), hide]))
}

/** What other files of knockers change. Who is read again from the same file is often the same object. */
export function knockerChanges(old: readonly Knocker[], now: readonly Knocker[]): Changes {
    return changesOf(old, now)
}

function changesOf<T extends { readonly name: string }>(old: readonly T[], now: readonly T[]): Changes {
    const before = new Map(old.map((one) => [one.name, one]))
    const after = new Set(now.map(({ name }) => name))
    const known = now.filter(({ name }) => before.has(name))
    const changed = known.filter((one) => !sameData(one, before.get(one.name)))
    return {
        added: now.flatMap(({ name }) => (before.has(name) ? [] : [name])),
        removed: old.flatMap(({ name }) => (after.has(name) ? [] : [name])),
        changed: changed.map(({ name }) => name),
        kept: known.length - changed.length,
    }
}

/** Are these pieces of two configurations equal? */
export function sameData(a: unknown, b: unknown): boolean {
    return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** Keys of [gateway] that hold from start to end: what they name is taken once. */
const FIXED = {
    state: "state",
    audit: "audit",
    socket: "socket",
    socket_group: "socketGroup",
    capture: "capture",
    firewall: "firewall",
    log_group: "logGroup",
} as const satisfies Readonly<Record<string, keyof Gateway>>

/** A mistake for each of them that is not as it was. `file`: where [gateway] is, or should be. */
export function fixedSettings(running: Gateway, gateway: Gateway, file: string): Found[] {
    return Object.entries(FIXED).flatMap(([key, name]): Found[] =>
        running[name] === gateway[name] ? [] : [{ file, path: ["gateway", key], problem: { code: "fixed" } }],
    )
}
