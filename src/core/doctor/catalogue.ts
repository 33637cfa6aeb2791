/**
 * Every finding of the doctor: how bad it is, what it says, why that matters, and the commands that mend it (`entries/`).
 * docs/postern-doctor.1.md has a row for each, held against this table.
 */
import { DAEMON_ENTRIES } from "./entries/daemon.ts"
import type { Entries, Entry } from "./entries/entry.ts"
import { FIREWALL_ENTRIES } from "./entries/firewalls.ts"
import { HOST_ENTRIES } from "./entries/host.ts"
import { NETWORK_ENTRIES } from "./entries/network.ts"
import { SERVICE_ENTRIES } from "./entries/services.ts"
import type { Finding, Severity } from "./finding.ts"

/** The sentences, by code. */
export const CATALOGUE: Entries<Finding["code"]> = {
    ...DAEMON_ENTRIES,
    ...SERVICE_ENTRIES,
    ...FIREWALL_ENTRIES,
    ...NETWORK_ENTRIES,
    ...HOST_ENTRIES,
}

/** A finding in words. */
export type Told = {
    readonly code: Finding["code"]
    readonly severity: Severity
    readonly what: string
    readonly why: string
    readonly commands: readonly string[]
    readonly advice: string | null
}

/** The words for a finding. */
export function tell(found: Finding): Told {
    // The only cast: TypeScript cannot see that the index picks the matching entry.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const entry = CATALOGUE[found.code] as Entry<Finding>
    return {
        code: found.code,
        severity: entry.severity(found),
        what: entry.what(found),
        why: entry.why(found),
        commands: entry.commands(found),
        advice: entry.advice?.(found) ?? null,
    }
}
