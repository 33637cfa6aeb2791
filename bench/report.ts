/** What a run has found: as data, and as a table that people read. */
import { type Measure, NAMES, type Row, type Samples, SUBJECTS, type Subject } from "./row.ts"

/** A figure of each subject; null: it has none. */
export type Figure = Pick<Measure, "id" | "what" | "unit" | "better"> & {
    readonly values: Readonly<Record<Subject, number | null>>
    /** How many times better postern is than knockd; null where that says nothing. */
    readonly ratio: number | null
    readonly goal: string | null
    /** Does postern reach it? With the packet socket? */
    readonly met: boolean | null
    readonly metByPacketSocket: boolean | null
    readonly drawn: boolean
}

export type RowReport = Pick<Row, "name" | "title" | "how" | "subjects" | "rounds"> & {
    readonly figures: readonly Figure[]
    /** Everything that was measured, by subject. */
    readonly samples: Readonly<Partial<Record<Subject, Samples>>>
    /** What could not be measured, and why. */
    readonly failures: readonly string[]
}

/** `quiet`: how much of the processors others used before it began, in percent. */
export type Report = {
    readonly machine: string
    readonly versions: string
    readonly load: string
    readonly seconds: number
    readonly rows: readonly RowReport[]
}

/** A row's figures. */
export function reportRow(row: Row, samples: RowReport["samples"], failures: readonly string[]): RowReport {
    const { name, title, how, subjects, rounds } = row
    return {
        name,
        title,
        how,
        subjects,
        rounds,
        figures: row.measures.map((one) => figureOf(one, samples)),
        samples,
        failures,
    }
}

function figureOf(
    { id, what, unit, better, goal, drawn = false, value }: Measure,
    samples: RowReport["samples"],
): Figure {
    const of = (subject: Subject): number | null => {
        const found = samples[subject]
        const figure = found === undefined ? Number.NaN : value(found)
        return Number.isFinite(figure) ? round(figure) : null
    }
    const values = { postern: of("postern"), "packet-socket": of("packet-socket"), knockd: of("knockd") }
    const { postern, knockd } = values
    const compared =
        unit !== "" && (goal !== undefined || drawn) && postern !== null && knockd !== null && postern > 0 && knockd > 0
    const met = (subject: Subject) => {
        const figure = values[subject]
        return goal === undefined || figure === null || !(goal.of ?? SUBJECTS).includes(subject)
            ? null
            : goal.holds(figure)
    }
    return {
        id,
        what,
        unit,
        better,
        values,
        ratio: compared ? round(better === "less" ? knockd / postern : postern / knockd) : null,
        goal: goal?.text ?? null,
        met: met("postern"),
        metByPacketSocket: met("packet-socket"),
        drawn,
    }
}

/** Three digits say all that such a measurement can. */
function round(value: number): number {
    return Number(value.toPrecision(3))
}

/** The tables, with machine and versions. */
export function markdown({ machine, versions, load, seconds, rows }: Report): string {
    return [
        "# Measured side by side",
        "",
        `${machine}. ${versions}. ${load}. ${Math.round(seconds)} s for all of it.`,
        "",
        "Every figure is of the same run: the daemons take turns, one at a time, on the gateway of a private network of",
        "namespaces. Medians over all rounds unless it says otherwise. What each row does, and what it leaves out:",
        "[how it is measured](README.md).",
        "",
        ...rows.flatMap(table),
    ].join("\n")
}

function table({ title, how, subjects, rounds, figures, failures }: RowReport): string[] {
    const shown = SUBJECTS.filter((subject) => subjects.includes(subject))
    const compares = figures.some(({ ratio }) => ratio !== null)
    const head = ["", ...shown.map((subject) => NAMES[subject]), ...(compares ? ["better by"] : []), "goal"]
    return [
        `## ${title}`,
        "",
        `${how} ${rounds === 1 ? "One round" : `${rounds} rounds`}.`,
        "",
        line(head),
        line(head.map((_, index) => (index === 0 ? "---" : "---:"))),
        ...figures.map((figure) =>
            line([
                figure.what,
                ...shown.map((subject) => amount(figure.values[subject], figure.unit)),
                ...(compares ? [figure.ratio === null ? "" : `${number(figure.ratio)}×`] : []),
                verdict(figure),
            ]),
        ),
        "",
        ...failures.map((failure) => `Not measured: ${failure}\n`),
    ]
}

function line(cells: readonly string[]): string {
    return `| ${cells.join(" | ")} |`
}

/** `goal`, and whether it is met; by the one capture and not the other, if so. */
function verdict({ goal, met, metByPacketSocket }: Figure): string {
    if (goal === null) return ""
    const both = [met, metByPacketSocket].filter((one) => one !== null)
    if (both.length === 0) return goal
    if (both.every(Boolean)) return `${goal}: met`
    return both.some(Boolean)
        ? `${goal}: met by ${met === true ? "log group" : "packet socket"} alone`
        : `${goal}: **missed**`
}

/** A figure with its unit. */
export function amount(value: number | null, unit: Measure["unit"]): string {
    if (value === null) return "–"
    return unit === "" ? number(value) : unit === "/s" ? `${number(value)}/s` : `${number(value)} ${unit}`
}

/** Thousands apart. */
function number(value: number): string {
    return value.toLocaleString("en", { maximumSignificantDigits: 3 }).replaceAll(",", " ")
}
