/** One line on a terminal that is written anew again and again, and is gone in the end. */
import { printable } from "../../voice/printable.ts"
import type { Terminal } from "../../voice/terminal.ts"

export type ProgressLine = { readonly show: (text: string) => void; readonly clear: () => void }

/** The progress line of standard error; nothing at all where that is not a terminal, or with `quiet`. */
export function progressLine(terminal: Terminal, quiet: boolean): ProgressLine {
    if (quiet || !terminal.interactive || terminal.env["TERM"] === "dumb") return { show() {}, clear() {} }
    let shown = false
    return {
        show(text) {
            shown = true
            process.stderr.write(`\r\u001b[K${printable(text)}`)
        },
        clear() {
            if (shown) process.stderr.write("\r\u001b[K")
            shown = false
        },
    }
}
