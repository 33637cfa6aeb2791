/** How things stand in a running loop, for status, metrics and whoever guards the daemon: looks, and changes nothing. */
import type { Config } from "../core/config/config.ts"
import type { Engine } from "../core/engine.ts"
import type { Service } from "../core/knock/hit.ts"
import type { Status } from "../core/status.ts"
import type { Capture } from "../ports/capture.ts"
import type { Clock } from "../ports/clock.ts"
import type { Commands } from "../ports/commands.ts"
import type { Store, StoreHealth } from "../ports/store.ts"
import type { Hiding, TrialNow } from "./hiding.ts"
import type { Outlook } from "./outlook.ts"
import type { Table } from "./table.ts"

/** What fell due so long ago (ms) and was not done never will be. */
const LATE_MS = 5000

/** What is looked at. */
export type StandingKeeping = {
    readonly clock: Pick<Clock, "monotonic">
    readonly capture: Capture
    readonly commands: Commands
    readonly outlook: Outlook
    readonly hiding: () => Pick<Hiding, "hidden" | "trials" | "counts">
    /** Null where there is no firewall. */
    readonly table: Table | null
    /** What a reload puts something else in the place of. */
    readonly engine: () => Engine
    readonly store: () => Store | null
    /** When the loop will do what falls due next; null: nothing will. */
    readonly due: () => number | null
    readonly stopped: () => boolean
}

/** See the head of the file. */
export class Standing {
    readonly #keeping: StandingKeeping

    constructor(keeping: StandingKeeping) {
        this.#keeping = keeping
    }

    /** The configuration in force. */
    get config(): Config {
        return this.#keeping.engine().config
    }

    /** Which capture is at work. */
    get captureName(): Capture["name"] {
        return this.#keeping.capture.name
    }

    /** What the loop and its engine know at this moment. */
    facts(): ReturnType<Engine["facts"]> & { interfaces: readonly string[] | null; offered: readonly Service[] } {
        const { engine, outlook } = this.#keeping
        const { interfaces, offered } = outlook.watching
        return { ...engine().facts(), interfaces, offered }
    }

    /** What is hidden for good, and on trial. */
    hiding(): { readonly hidden: readonly Service[]; readonly trials: readonly TrialNow[] } {
        const hiding = this.#keeping.hiding()
        return { hidden: hiding.hidden(), trials: hiding.trials() }
    }

    /** How many services are hidden in which way. */
    get hiddenCounts(): ReturnType<Hiding["counts"]> {
        return this.#keeping.hiding().counts()
    }

    /** Live attempts, the furthest first: doors of so many of them, and how many there are. */
    attempts(most: number): ReturnType<Engine["attempts"]> {
        const { engine, clock } = this.#keeping
        return engine().attempts(most, clock.monotonic())
    }

    /** Has the kernel our table as we want it? Null: there is no firewall. */
    get tableInPlace(): boolean | null {
        const { table } = this.#keeping
        return table === null ? null : table.applied && table.trouble === null
    }

    /** What keeps our table, whether it is in place, and whether it can lead; null: there is no firewall. */
    get table(): Status["table"] {
        const { table } = this.#keeping
        return table === null ? null : { ...table.means, inPlace: this.tableInPlace === true }
    }

    /** How the journal is; null where there is none. */
    journal(): StoreHealth | null {
        return this.#keeping.store()?.health() ?? null
    }

    /** Programs that run and that wait. */
    programs(): ReturnType<Commands["load"]> {
        return this.#keeping.commands.load()
    }

    /** What became of packets in the capture. */
    packets(): ReturnType<Capture["stats"]> {
        return this.#keeping.capture.stats()
    }

    /** What keeps the daemon from its work, for whoever guards it; null: nothing. */
    trouble(): string | null {
        const { capture, clock, due, stopped } = this.#keeping
        if (stopped() || !capture.alive()) return "packets come and nobody reads them"
        const at = due()
        return at !== null && clock.monotonic() > at + LATE_MS ? "what fell due was not done" : null
    }
}
