/**
 * Draws the output of a program as a terminal, in SVG, for the README:
 *
 *     node --import tsx tools/draw-terminal.ts TITLE FILE > PICTURE.svg
 *
 * Nothing is invented: the text is the file's. Lines that begin with `#` are narration, `host$` is a prompt, and lines
 * that are indented or empty of both are output.
 */
import { readFileSync } from "node:fs"

const COLUMNS = 120
const CELL = { width: 7.8, height: 18 }
const MARGIN = 16
const BAR = 30

const [title, file] = process.argv.slice(2)
if (title === undefined || file === undefined) throw new Error("usage: draw-terminal.ts TITLE FILE")
process.stdout.write(draw(title, readFileSync(file, "utf8").trimEnd().split("\n")))

function draw(title: string, lines: readonly string[]): string {
    const width = Math.ceil(COLUMNS * CELL.width + 2 * MARGIN)
    const height = BAR + lines.length * CELL.height + 2 * MARGIN
    const rows = lines.map((line, index) => {
        const y = BAR + MARGIN + (index + 0.75) * CELL.height
        return `<text x="${MARGIN}" y="${y}" xml:space="preserve">${paint(cut(line))}</text>`
    })
    const dots = ["#ff5f56", "#ffbd2e", "#27c93f"].map(
        (fill, index) => `<circle cx="${20 + index * 18}" cy="${BAR / 2}" r="5.5" fill="${fill}"/>`,
    )
    return [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
        "<!-- Made by `make demo-picture` from the real output of the demo. -->",
        `<title>${entities(title)}</title>`,
        `<rect width="${width}" height="${height}" rx="8" fill="#16181d"/>`,
        `<rect width="${width}" height="${BAR}" rx="8" fill="#2a2d35"/>`,
        ...dots,
        `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13" fill="#c9ced8">`,
        `<text x="${width / 2}" y="${BAR / 2 + 5}" text-anchor="middle">${entities(title)}</text>`,
        ...rows,
        "</g>",
        "</svg>",
        "",
    ].join("\n")
}

function paint(line: string): string {
    if (line.startsWith("# ")) return `<tspan fill="#7fb4ca">${entities(line)}</tspan>`
    const prompt = /^(\w+\$)( .*)$/.exec(line)
    if (!prompt) return entities(line)
    return `<tspan fill="#98bb6c">${entities(prompt[1]!)}</tspan><tspan fill="#ffffff">${entities(prompt[2]!)}</tspan>`
}

function cut(line: string): string {
    const plain = line.replaceAll("\t", "    ")
    return plain.length > COLUMNS ? `${plain.slice(0, COLUMNS - 1)}…` : plain
}

function entities(text: string): string {
    return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
