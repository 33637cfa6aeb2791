/** A case that went wrong, for people: the configuration, what was sent, and where the two differ from the model. */
import type { Case } from "./knockd-cases.ts"
import { burstsOf, configurationOf, type Duel } from "./knockd-schedule.ts"

const SIDES = ["knockd", "postern"] as const
const PARTS = ["log", "lines", "programs", "commands", "files", "alive"] as const

/** See the head of the file. */
export function tell(one: Case, { heard, wanted }: Duel): string {
    const files = Object.entries(one.files).map(([name, text]) => `--- ${name}:\n${text}`)
    const bursts = burstsOf(one).map(({ before, packets }) => {
        const first =
            before.do === "wait" ? `wait ${before.ms} ms` : before.do === "reload" ? reloadText(before.doors) : "then"
        const sent = packets.map(({ source, to, hit, flags, mark }) => `  ${source} > ${to} ${hit} ${flags} #${mark}`)
        return [first, ...sent].join("\n")
    })
    const differences = SIDES.flatMap((side) =>
        PARTS.filter((part) => text(heard[side][part]) !== text(wanted[side][part])).map(
            (part) =>
                `--- ${side}, ${part}:\n${text(heard[side][part])}\n--- and by the model:\n${text(wanted[side][part])}`,
        ),
    )
    return [configurationOf(one.doors), ...files, ...bursts, ...differences].join("\n")
}

function reloadText(doors: Case["doors"] | null): string {
    return doors === null ? "SIGHUP with a mistake" : `SIGHUP with\n${configurationOf(doors)}`
}

const text = (value: unknown) => JSON.stringify(value, null, 1)
