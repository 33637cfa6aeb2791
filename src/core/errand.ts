/**
 * A door's programs for one source, as a machine: `start` when the door opens, `stop` some time after `start` ended.
 * A knock while the errand is under way moves the stop, it never starts a second time; a knock during `stop` starts
 * once more afterwards. A start that could not be begun is as if nobody had knocked: there is nothing to stop.
 *
 * When all has ended the errand rests for a while, so that a replayed knock does not start program after program: what
 * a knock asks for in the meantime is done at the end of the rest where a stop has undone it, and is done already where
 * there is no stop.
 */

/** The spec's: from the end of a door's programs to their next start (ms). */
export const REST_MS = 1000

/** Ours: so many knocks during a start are remembered. */
const AGAIN_MOST = 100

/** Where an errand is. `until`: when to stop, or when the rest is over (ms). */
export type Errand =
    | { readonly phase: "idle" }
    | { readonly phase: "starting"; readonly ending: boolean; readonly again: number }
    | { readonly phase: "started"; readonly until: number }
    | { readonly phase: "stopping"; readonly again: boolean }
    | { readonly phase: "resting"; readonly until: number; readonly again: boolean }

/** What can happen to it: a knock, the time, a revocation, a start that is refused, and its programs' ends. */
export type ErrandEvent =
    | { readonly type: "knock"; readonly now: number }
    | { readonly type: "tick"; readonly now: number }
    | { readonly type: "revoke"; readonly now: number }
    | { readonly type: "unstarted"; readonly now: number }
    | { readonly type: "startEnded"; readonly now: number }
    | { readonly type: "stopEnded"; readonly now: number }

/** What the door wants: whether there is a `stop`, and how long (ms) after `start`. */
export type ErrandPlan = {
    readonly stop: boolean
    readonly after: number
    /** There is no rest, and where no stop follows every knock runs start: those in the meantime afterwards. */
    readonly eager: boolean
}

/** The next state and the program to run now, if any. */
export type ErrandStep = { readonly errand: Errand; readonly run: "start" | "stop" | null }

type In<P extends Errand["phase"]> = Extract<Errand, { phase: P }>
type On<T extends ErrandEvent["type"]> = Extract<ErrandEvent, { type: T }>
type Table = {
    readonly [P in Errand["phase"]]: {
        readonly [T in ErrandEvent["type"]]: (errand: In<P>, event: On<T>, plan: ErrandPlan) => ErrandStep
    }
}

const IDLE: Errand = { phase: "idle" }
const stay = (errand: Errand): ErrandStep => ({ errand, run: null })
const begin = (again = 0): ErrandStep => ({ errand: { phase: "starting", ending: false, again }, run: "start" })
const rest = (now: number, { eager }: ErrandPlan, again = false): ErrandStep => {
    if (eager) return again ? begin() : stay(IDLE)
    return stay({ phase: "resting", until: now + REST_MS, again })
}
const stop = (): ErrandStep => ({ errand: { phase: "stopping", again: false }, run: "stop" })

/** Every phase and every event: a cell left out does not compile. */
const errandTable: Table = {
    idle: {
        knock: () => begin(),
        tick: stay,
        revoke: stay,
        unstarted: stay,
        startEnded: stay,
        stopEnded: stay,
    },
    starting: {
        knock: ({ again }, _, plan) => {
            const more = plan.eager && !plan.stop ? Math.min(again + 1, AGAIN_MOST) : 0
            return stay({ phase: "starting", ending: false, again: more })
        },
        tick: stay,
        revoke: () => stay({ phase: "starting", ending: true, again: 0 }),
        unstarted: () => stay(IDLE),
        startEnded: (errand, { now }, plan) => {
            if (errand.again > 0) return begin(errand.again - 1)
            if (!plan.stop) return rest(now, plan)
            return errand.ending ? stop() : stay({ phase: "started", until: now + plan.after })
        },
        stopEnded: stay,
    },
    started: {
        knock: (_, { now }, plan) => stay({ phase: "started", until: now + plan.after }),
        tick: (errand, { now }) => (now < errand.until ? stay(errand) : stop()),
        revoke: stop,
        unstarted: stay,
        startEnded: stay,
        stopEnded: stay,
    },
    stopping: {
        knock: () => stay({ phase: "stopping", again: true }),
        tick: stay,
        revoke: () => stay({ phase: "stopping", again: false }),
        unstarted: stay,
        startEnded: stay,
        stopEnded: (errand, { now }, plan) => rest(now, plan, errand.again),
    },
    resting: {
        knock: (errand, _, plan) => stay({ ...errand, again: plan.stop }),
        tick: (errand, { now }) => {
            if (now < errand.until) return stay(errand)
            return errand.again ? begin() : stay(IDLE)
        },
        revoke: (errand) => stay({ ...errand, again: false }),
        unstarted: stay,
        startEnded: stay,
        stopEnded: stay,
    },
}

/** One step. Never throws; an event that means nothing in this phase changes nothing. */
export function stepErrand(errand: Errand, event: ErrandEvent, plan: ErrandPlan): ErrandStep {
    // The only cast: TypeScript cannot see that both indices pick the matching cell.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const cell = errandTable[errand.phase][event.type] as (e: Errand, v: ErrandEvent, p: ErrandPlan) => ErrandStep
    return cell(errand, event, plan)
}
