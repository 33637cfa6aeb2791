/** The doctor's judgement: facts of a host in, findings out, the worst first. Pure. */

import { type Told, tell } from "./catalogue.ts"
import { examineDaemon } from "./daemon.ts"
import type { Facts, Unseen } from "./facts.ts"
import { examineFilters } from "./filters.ts"
import type { Severity } from "./finding.ts"
import { examineHost } from "./host.ts"
import { examineNetwork } from "./network.ts"
import { examineServices } from "./services.ts"

/** What is wrong, and what could not be looked at. */
export type Diagnosis = { readonly findings: readonly Told[]; readonly unseen: readonly Unseen[] }

/** The worst first. */
export const SEVERITIES: readonly Severity[] = ["broken", "unsafe", "note"]

/** Everything that is to be said of this host. */
export function examine(facts: Facts): Diagnosis {
    const told = [
        ...examineDaemon(facts),
        ...examineServices(facts),
        ...examineFilters(facts),
        ...examineNetwork(facts),
        ...examineHost(facts),
    ].map(tell)
    const findings = SEVERITIES.flatMap((severity) => told.filter((one) => one.severity === severity))
    return { findings, unseen: facts.unseen }
}
