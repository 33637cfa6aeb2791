/** What a run has found: as data, and as a table that people read. */
import { type Measure, NAMES, OURS, type Row, type Samples, SUBJECTS, type Subject } from "./row.ts"

/** A figure of each subject; null: it has none. */
export type Figure = Pick<Measure, "id" | "what" | "unit" | "better"> & {
    readonly values: Readonly<Record<Subject, number | null>>
    /** How many times better each of ours is than knockd; none where that says nothing. */
    readonly ratios: Readonly<Partial<Record<Subject, number>>>
    readonly goal: string | null
    /** Who was held to it, and who of them has missed it. */
    readonly held: readonly Subject[]
    readonly missed: readonly Subject[]
    readonly drawn: boolean
}

export type RowReport = Pick<Row, "name" | "title" | "how" | "subjects" | "rounds"> & {
    readonly figures: readonly Figure[]
    /** Everything that was measured, by subject. */
    readonly samples: Readonly<Partial<Record<Subject, Samples>>>
    /** What could not be measured, and why. */
    readonly failures: readonly string[]
}

/** `load`: how much else there was to do for the processors before it began, in words. */
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
    const values: Figure["values"] = {
        postern: of("postern"),
        "packet-socket": of("packet-socket"),
        "drop-in": of("drop-in"),
        knockd: of("knockd"),
    }
    const { knockd } = values
    const ratio = (subject: Subject): [Subject, number][] => {
        const figure = values[subject]
        if (unit === "" || (goal === undefined && !drawn) || !figure || !knockd) return []
        return [[subject, round(better === "less" ? knockd / figure : figure / knockd)]]
    }
    const held = OURS.filter((one) => values[one] !== null && (goal?.of ?? OURS).includes(one))
    return {
        id,
        what,
        unit,
        better,
        values,
        ratios: Object.fromEntries(OURS.flatMap(ratio)),
        goal: goal?.text ?? null,
        held: goal === undefined ? [] : held,
        missed: goal === undefined ? [] : held.filter((one) => !goal.holds(values[one]!)),
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
    // Two columns of them at most: the packet socket's figures stand beside those of the log group.
    const compared = shown.filter((one) => one !== "packet-socket" && figures.some(({ ratios }) => ratios[one]))
    const betterBy = compared.map((one) => (compared.length > 1 ? `${NAMES[one]} better by` : "better by"))
    const head = ["", ...shown.map((subject) => NAMES[subject]), ...betterBy, "goal"]
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
                ...compared.map((one) => times(figure.ratios[one])),
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

function times(ratio: number | undefined): string {
    return ratio === undefined ? "" : `${number(ratio)}×`
}

/** `goal`, and whether it is met; by whom it is missed, if others meet it. */
function verdict({ goal, held, missed }: Figure): string {
    if (goal === null || held.length === 0) return goal ?? ""
    if (missed.length === 0) return `${goal}: met`
    const by = missed.length === held.length ? "" : ` by ${missed.map((one) => NAMES[one]).join(" and ")}`
    return `${goal}: **missed**${by}`
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
