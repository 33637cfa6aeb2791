/** QR codes (ISO/IEC 18004) for a terminal: two modules to a character, so that they are square. */
import encode from "qr"

/** Ours: light modules around the code. The standard wants 4; every reader that was tried needs 2 or fewer. */
const BORDER = 2

/**
 * The lines of a code, each as wide as the code with its border. `dark` draws dark modules: on light ground, which is how
 * codes are printed; without it light modules are drawn, which looks the same where text is light on dark.
 */
export function qrLines(text: string, dark: boolean): readonly string[] {
    const rows = encode(text, "raw", { ecc: "low", border: BORDER })
    const drawn = (y: number, x: number) => (rows[y]?.[x] ?? false) === dark
    return Array.from({ length: Math.ceil(rows.length / 2) }, (_, half) =>
        Array.from(
            rows[0]!,
            (_module, x) => BLOCKS[Number(drawn(2 * half, x)) + 2 * Number(drawn(2 * half + 1, x))]!,
        ).join(""),
    )
}

/** Neither, the upper, the lower and both. */
const BLOCKS = [" ", "\u2580", "\u2584", "\u2588"]
