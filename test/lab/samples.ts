/** The text exposition format as a reader of it sees it: strict, and written without a look at the writer. */

/** Samples by name with labels, as they stand in the text: `postern_knocks_total{door="ssh"}`. */
export type Samples = ReadonlyMap<string, number>

const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN`
const LABEL = String.raw`[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"`
const SAMPLE = new RegExp(`^([a-z_]+(?:\\{${LABEL}(?:,${LABEL})*\\})?) (${NUMBER})$`)
const COMMENT = /^# (HELP|TYPE) ([a-z_]+) ([^\n]+)$/

/** Reads a text. Throws on a line that is none, on a sample that is there twice, or whose metric has no type. */
export function readSamples(text: string): { readonly samples: Samples; readonly types: ReadonlyMap<string, string> } {
    const samples = new Map<string, number>()
    const types = new Map<string, string>()
    if (!text.endsWith("\n")) throw new Error("the last line has no end")
    for (const line of text.slice(0, -1).split("\n")) {
        const comment = COMMENT.exec(line)
        if (comment !== null) {
            if (comment[1] === "TYPE") types.set(comment[2]!, comment[3]!)
            continue
        }
        const [, key, value] = SAMPLE.exec(line) ?? []
        if (key === undefined || samples.has(key)) throw new Error(`not a sample, or a second one: ${line}`)
        const name = key.split("{")[0]!
        const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "")
        if (!types.has(family)) throw new Error(`no type: ${line}`)
        samples.set(key, Number(value!.replace("Inf", "Infinity")))
    }
    return { samples, types }
}

/** Samples that can never go down: counters, and all of a histogram. */
export function rising(text: string): Samples {
    const { samples, types } = readSamples(text)
    const isRising = (key: string) => {
        const name = key.split("{")[0]!
        const type = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ""))
        return type === "counter" || type === "histogram"
    }
    return new Map([...samples].filter(([key]) => isRising(key)))
}
