import decode from "qr/decode.js"
import { describe, expect, it } from "vitest"
import { qrLines } from "../../../src/cli/texts/qr.ts"

const LINK =
    "https://example.org/knock/#postern=1&gateway=gw.example.org&knocker=anna" +
    "&key=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo&place=5yqx2mvk6n3bq4ohx7dbbdzcbkgxgs7e"

/** What a camera sees of these lines: modules of 4 by 4 pixels. */
function read(lines: readonly string[], dark: boolean): string {
    const scale = 4
    const [width, height] = [lines[0]!.length * scale, lines.length * 2 * scale]
    const data = new Uint8Array(width * height * 4).fill(255)
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            const block = " \u2580\u2584\u2588".indexOf(lines[Math.floor(y / scale / 2)]![Math.floor(x / scale)]!)
            const drawn = Math.floor(y / scale) % 2 === 0 ? block % 2 === 1 : block >= 2
            if (drawn === dark) data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3)
        }
    }
    return decode({ width, height, data })
}

describe("qrLines()", () => {
    it.each([true, false])("draws what a reader reads back, dark on light and light on dark (%s)", (dark) => {
        const lines = qrLines(LINK, dark)
        expect(new Set(lines.map((line) => line.length)).size).toBe(1)
        expect(lines[0]!.length).toBeLessThan(72)
        expect(read(lines, dark)).toBe(LINK)
    })
})
