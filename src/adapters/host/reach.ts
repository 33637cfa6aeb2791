/** Chains that packets come to from one, by way of jumps. Pure. */

/** `jumps`: from which chain to which. `from` is among them. */
export function reached(from: string, jumps: readonly (readonly [from: string, to: string])[]): ReadonlySet<string> {
    const targets = new Map<string, string[]>()
    for (const [chain, to] of jumps) targets.set(chain, [...(targets.get(chain) ?? []), to])
    const found = new Set([from])
    // A set gives what is added while it is read, too.
    for (const chain of found) for (const to of targets.get(chain) ?? []) found.add(to)
    return found
}
