import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatMetrics } from "../../../../src/core/metrics/exposition.ts"
import { Histogram } from "../../../../src/core/metrics/histogram.ts"
import { readSamples } from "../../../lab/samples.ts"

describe("formatMetrics()", () => {
    it("writes counters and gauges with help, type and labels", () => {
        const text = formatMetrics([
            {
                name: "a_total",
                help: "What it is.",
                type: "counter",
                samples: [
                    { labels: {}, value: 3 },
                    { labels: { door: "ssh", by: "time" }, value: 0.25 },
                ],
            },
            { name: "b", help: "Other.", type: "gauge", samples: [{ labels: {}, value: -1 }] },
        ])
        expect(text).toBe(
            '# HELP a_total What it is.\n# TYPE a_total counter\na_total 3\na_total{door="ssh",by="time"} 0.25\n' +
                "# HELP b Other.\n# TYPE b gauge\nb -1\n",
        )
    })

    it("writes a histogram as buckets that add up, sum and count", () => {
        const histogram = new Histogram([0.001, 0.5])
        for (const seconds of [0.0005, 0.25, 2]) histogram.observe(seconds)
        const samples = [{ labels: { operation: "grant" }, histogram }]
        expect(formatMetrics([{ name: "t_seconds", help: "How long.", type: "histogram", samples }])).toBe(
            [
                "# HELP t_seconds How long.",
                "# TYPE t_seconds histogram",
                't_seconds_bucket{operation="grant",le="0.001"} 1',
                't_seconds_bucket{operation="grant",le="0.5"} 2',
                't_seconds_bucket{operation="grant",le="+Inf"} 3',
                't_seconds_sum{operation="grant"} 2.2505',
                't_seconds_count{operation="grant"} 3',
                "",
            ].join("\n"),
        )
    })

    it("leaves out a metric without samples", () => {
        expect(formatMetrics([{ name: "a", help: "None.", type: "gauge", samples: [] }])).toBe("")
    })

    it("escapes what would end a help, a label or a line", () => {
        const text = formatMetrics([
            {
                name: "a",
                help: 'one \\ two\nthree "four"',
                type: "gauge",
                samples: [{ labels: { door: 'a\\b"c\nd' }, value: 1 }],
            },
        ])
        expect(text).toBe('# HELP a one \\\\ two\\nthree "four"\n# TYPE a gauge\na{door="a\\\\b\\"c\\nd"} 1\n')
    })

    it("writes any label and any number so that a strict reader reads it back", () => {
        fc.assert(
            fc.property(fc.string({ unit: "binary" }), fc.double({ noNaN: true }), (door, value) => {
                const family = { name: "a", help: `x${door}`, type: "gauge" } as const
                const { samples } = readSamples(formatMetrics([{ ...family, samples: [{ labels: { door }, value }] }]))
                const [key, read] = [...samples][0]!
                const label = /^a\{door="(.*)"\}$/s.exec(key)![1]!
                const plain = label.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c))
                expect([plain, read]).toEqual([door, value === 0 ? 0 : value])
            }),
        )
    })
})
