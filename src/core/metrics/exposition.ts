/**
 * The text exposition format 0.0.4 of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format), written by hand: it is three kinds
 * of lines.
 */
import type { Histogram } from "./histogram.ts"

/** Names and values of labels. Names are ours; values may be any text. */
export type Labels = Readonly<Record<string, string>>

/** A number with its labels. */
export type Sample = { readonly labels: Labels; readonly value: number }

/** A metric: what it means, and its samples, whose labels differ. */
export type Family = { readonly name: string; readonly help: string } & (
    | { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] }
    | {
          readonly type: "histogram"
          readonly samples: readonly { readonly labels: Labels; readonly histogram: Histogram }[]
      }
)

/** The text, with LF at its end. A metric without samples is left out. */
export function formatMetrics(families: readonly Family[]): string {
    const lines = families.flatMap((family) => {
        if (family.samples.length === 0) return []
        const { name, help, type } = family
        const head = [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`]
        if (family.type === "histogram") {
            return [...head, ...family.samples.flatMap((sample) => histogramLines(name, sample))]
        }
        return [...head, ...family.samples.map(({ labels, value }) => line(name, labels, value))]
    })
    return lines.map((one) => `${one}\n`).join("")
}

function histogramLines(name: string, sample: { labels: Labels; histogram: Histogram }): string[] {
    const { labels, histogram } = sample
    const counts = histogram.cumulative()
    const bucket = (le: number, count: number) => line(`${name}_bucket`, { ...labels, le: formatValue(le) }, count)
    return [
        ...Array.from(histogram.bounds, (bound, i) => bucket(bound, counts[i]!)),
        bucket(Number.POSITIVE_INFINITY, counts.at(-1)!),
        line(`${name}_sum`, labels, histogram.sum),
        line(`${name}_count`, labels, counts.at(-1)!),
    ]
}

function line(name: string, labels: Labels, value: number): string {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${formatValue(value)}`
}

/** As Go's ParseFloat reads it. */
function formatValue(value: number): string {
    if (value === Number.POSITIVE_INFINITY) return "+Inf"
    return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)
}

function escapeHelp(text: string): string {
    return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
}

function escapeLabel(text: string): string {
    return escapeHelp(text).replaceAll('"', '\\"')
}
