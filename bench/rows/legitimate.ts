/** What becomes of legitimate knocks while something else goes on: their times are the sample `during`. */
import { came, lost, type Measure, median } from "../row.ts"

/** How many of them open nothing. `drawn`: in the picture. */
export function lostKnocks(row: string, drawn = false): Measure {
    return {
        id: `${row}.lost`,
        what: "legitimate knocks lost",
        unit: "%",
        better: "less",
        value: (s) => (lost(s["during"]) / (s["during"]?.length ?? 0)) * 100,
        goal: { text: "none", holds: (percent) => percent === 0 },
        drawn,
    }
}

/** How long the others take. */
export function medianKnock(row: string): Measure {
    return {
        id: `${row}.median`,
        what: "legitimate knocks, median",
        unit: "ms",
        better: "less",
        value: (s) => median(came(s["during"])),
    }
}
