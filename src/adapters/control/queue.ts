/**
 * One answer at a time, with time in between: clients that ask for much, all at once, must not keep packets waiting for
 * longer than the longest answer takes to make.
 */
import { TIMING, type Timing } from "../system/timing.ts"

/** Ours: so long (ms) nobody has to wait because of the answer before. */
const REST_MOST_MS = 100

/** Takes work, to be begun in the order in which it comes, each in a turn of its own; after a long one comes a rest. */
export function queue({ now, rest }: Timing = TIMING): (work: () => void) => void {
    const waiting: (() => void)[] = []
    let pumping = false
    const pump = async () => {
        pumping = true
        for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
            const begun = now()
            work()
            // The next turn: by then what could be answered at once has been, and packets have had a look in. What those
            // needed is counted, too: the busier we are, the longer clients wait.
            await new Promise(setImmediate)
            const took = now() - begun
            if (took >= 1) await rest(Math.min(took, REST_MOST_MS))
        }
        pumping = false
    }
    return (work) => {
        waiting.push(work)
        if (!pumping) void pump()
    }
}
