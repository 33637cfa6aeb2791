/**
 * Draws the figures of a run that are meant for it: `node --import tsx bench/picture.ts build/bench.json > PICTURE.svg`.
 * Bars on a scale of powers of ten, one scale for each figure, because that is how far apart they are.
 */
import { readFileSync } from "node:fs"
import { amount, type Figure, type Report, type RowReport } from "./report.ts"
import { NAMES, SUBJECTS, type Subject } from "./row.ts"

const WIDTH = 840
const LEFT = 190
const RIGHT = 130
const BAR = 16
const GAP = 5
const HEAD = 74

type Group = { readonly row: RowReport; readonly figure: Figure; readonly bars: readonly Bar[] }
type Bar = { readonly subject: Subject; readonly value: number }

if (process.argv[1] === import.meta.filename) {
    const report: Report = JSON.parse(readFileSync(process.argv[2] ?? "build/bench.json", "utf8"))
    process.stdout.write(draw(report))
}

/** The whole picture. Throws if the run has no figure for it. */
export function draw(report: Report): string {
    const groups = report.rows.flatMap((row) =>
        row.figures.filter(({ drawn }) => drawn).map((figure): Group => ({ row, figure, bars: barsOf(figure) })),
    )
    if (groups.length === 0) throw new Error("no figures to draw: run `make bench` first")
    let y = HEAD
    const drawn: string[] = []
    for (const group of groups) {
        drawn.push(...drawGroup(group, y))
        y += 44 + group.bars.length * (BAR + GAP) + 10
    }
    const height = y + 34
    return [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
        "<!-- Made by `make bench-picture` from the figures of `make bench`. -->",
        '<title id="title">Postern beside knockd</title>',
        `<desc id="desc">${entities(groups.map(sentence).join(" "))}</desc>`,
        "<style>",
        "svg{--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--paper:#ffffff;--postern:#0969da;--packet-socket:#54aeff;--drop-in:#8250df;--knockd:#bc4c00}",
        "@media(prefers-color-scheme:dark){svg{--ink:#f0f6fc;--soft:#9198a1;--line:#3d444d;--paper:#0d1117;--postern:#4493f8;--packet-socket:#1f6feb;--drop-in:#a371f7;--knockd:#db6d28}}",
        "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}.soft{fill:var(--soft);font-size:11px}.name{font-weight:600}.title{font-size:17px;font-weight:600}",
        ...SUBJECTS.map((subject) => `.${subject}{fill:var(--${subject})}`),
        ".grid{stroke:var(--line);stroke-width:1}",
        "</style>",
        `<rect width="${WIDTH}" height="${height}" rx="8" fill="var(--paper)"/>`,
        text(24, 34, "Postern beside knockd, in the same run", "title"),
        text(
            24,
            54,
            "Each figure has a scale of its own, in powers of ten: one line to the right is ten times as much.",
            "soft",
        ),
        ...drawn,
        text(24, height - 14, `${report.machine}. ${report.versions}.`, "soft"),
        "</svg>",
        "",
    ].join("\n")
}

function barsOf({ values }: Figure): Bar[] {
    return SUBJECTS.flatMap((subject) => {
        const value = values[subject]
        return value === null ? [] : [{ subject, value }]
    })
}

function drawGroup({ row, figure, bars }: Group, top: number): string[] {
    const positive = bars.map(({ value }) => value).filter((value) => value > 0)
    const least = Math.floor(Math.log10(Math.min(...positive, 10)) - 0.001)
    const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...positive, 1))))
    const scale = (WIDTH - LEFT - RIGHT) / (most - least)
    const [first, last] = [top + 30, top + 30 + bars.length * (BAR + GAP)]
    const grid = Array.from({ length: most - least + 1 }, (_, index) => {
        const x = LEFT + index * scale
        return `<line class="grid" x1="${x.toFixed(1)}" y1="${first - 4}" x2="${x.toFixed(1)}" y2="${last}"/>`
    })
    const better = figure.better === "less" ? "less is better" : "more is better"
    return [
        text(24, top + 14, figure.what, "name"),
        text(24 + figure.what.length * 7.6 + 14, top + 14, `${row.title}; ${better}`, "soft"),
        ...grid,
        ...bars.flatMap(({ subject, value }, index) => {
            const y = first + index * (BAR + GAP)
            const length = value > 0 ? Math.max(2, (Math.log10(value) - least) * scale) : 0
            const bar = `<rect class="${subject}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`
            return [
                text(LEFT - 8, y + 13, NAMES[subject], "", "end"),
                ...(length > 0 ? [bar] : []),
                text(LEFT + length + 8, y + 13, amount(value, figure.unit)),
            ]
        }),
    ]
}

function sentence({ row, figure, bars }: Group): string {
    const values = bars.map(({ subject, value }) => `${NAMES[subject]} ${amount(value, figure.unit)}`)
    return `${row.title}, ${figure.what}: ${values.join("; ")}.`
}

function text(x: number, y: number, content: string, style = "", anchor = "start"): string {
    const [look, end] = [style === "" ? "" : ` class="${style}"`, anchor === "start" ? "" : ` text-anchor="${anchor}"`]
    return `<text x="${Math.round(x)}" y="${y}"${look}${end}>${entities(content)}</text>`
}

function entities(words: string): string {
    return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
