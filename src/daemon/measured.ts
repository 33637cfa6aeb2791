/** Ports that are measured: what goes through them is counted and timed, and nothing about it changes. */
import type { Histogram } from "../core/metrics/histogram.ts"
import type { FIREWALL_OPERATIONS, Meter, STORE_OPERATIONS } from "../core/metrics/meter.ts"
import type { Firewall, FirewallResult } from "../ports/firewall.ts"
import type { Store, StoreResult } from "../ports/store.ts"
import type { Log } from "./log.ts"

/** A firewall whose transactions are counted and timed. `now`: milliseconds with fractions, never going back. */
export function measureFirewall(firewall: Firewall, meter: Meter, now: () => number): Firewall {
    const measured = (operation: (typeof FIREWALL_OPERATIONS)[number], act: () => FirewallResult): FirewallResult => {
        const begun = now()
        const result = act()
        observe(meter.firewallTimes[operation], begun, now())
        meter.firewall[operation][result.ok ? "ok" : result.code]++
        return result
    }
    return {
        name: firewall.name,
        leads: () => firewall.leads(),
        apply: (wanted) => measured("apply", () => firewall.apply(wanted)),
        grant: (elements, ms) => measured("grant", () => firewall.grant(elements, ms)),
        revoke: (elements) => measured("revoke", () => firewall.revoke(elements)),
        list: () => firewall.list(),
        uses: () => firewall.uses(),
        arrivals: () => firewall.arrivals(),
        clear: () => firewall.clear(),
        watch: (lost, translates) => firewall.watch(lost, translates),
    }
}

/** A store whose operations are counted, and timed where they became durable. `now`: as above. */
export function measureStore(store: Store, meter: Meter, now: () => number): Store {
    const measured = async (
        operation: (typeof STORE_OPERATIONS)[number],
        act: () => Promise<StoreResult>,
    ): Promise<StoreResult> => {
        const begun = now()
        const result = await act()
        if (result.ok) observe(meter.storeTimes, begun, now())
        meter.store[operation][result.ok ? "ok" : result.code]++
        return result
    }
    return {
        name: store.name,
        claim: (id, since, until) => measured("claim", () => store.claim(id, since, until)),
        raise: (key, n, since) => measured("raise", () => store.raise(key, n, since)),
        raised: (key) => store.raised(key),
        dropCounters: () => store.dropCounters(),
        note: (stop, due) => measured("note", () => store.note(stop, due)),
        trust: (since) => store.trust(since),
        pending: () => store.pending(),
        health: () => store.health(),
        close: () => store.close(),
    }
}

/** A log whose lines are counted by level. */
export function measureLog(log: Log, meter: Meter): Log {
    return (level, text, facts) => {
        meter.lines[level]++
        log(level, text, facts)
    }
}

function observe(histogram: Histogram, begun: number, ended: number): void {
    histogram.observe((ended - begun) / 1000)
}
