/** A shell command as an argument vector of ours. */
import { LIMITS } from "../../config/defaults.ts"
import { TOKEN } from "./move.ts"
import { readWords } from "./words.ts"

/** `argv`: the program itself; `shell`: a shell reads the text; `pieces`: a shell puts it together first. */
export type Argv = { readonly form: "argv" | "shell" | "pieces"; readonly argv: readonly string[] }

/** What would be taken for a placeholder, and is something of the shell's, such as `${HOME}`. */
const PLACEHOLDER = /\{(?=[A-Za-z]\w*\})/

/**
 * The argument vector that does what `sh -c` does with the text, and `{source}` where knockd puts the address. That can
 * stand in a text for a shell: an address as we write it is digits, letters a to f, dots and colons, and a positional
 * parameter would not be looked up between single quotes. Null: longer than an argument vector may be.
 */
export function argvOf(text: string): Argv | null {
    const words = readWords(text)
    const [, most] = LIMITS.arguments
    const command = words.ok && words.commands.length === 1 ? words.commands[0]! : null
    if (command !== null && !PLACEHOLDER.test(command.join(" ")) && isProgram(command[0]!)) {
        const argv = [...(command[0]!.startsWith("/") ? [] : ["/usr/bin/env"]), ...command].map(withSource)
        if (argv.length <= most) return { form: "argv", argv }
    }
    const pieces = text.split(PLACEHOLDER)
    // A text that begins like an option would be taken for one.
    if (pieces.length === 1) return { form: "shell", argv: ["/bin/sh", "-c", withSource(text.replace(/^[-+]/, " $&"))] }
    // No argument may hold `{NAME}`: so they are cut in front of it, and the shell puts them together before it looks.
    const joined = pieces.map((_, i) => (i < 9 ? `$${i + 1}` : `\${${i + 1}}`)).join("{")
    const argv = ["/bin/sh", "-c", `eval "set --; ${joined}"`, "sh", ...pieces.map(withSource)]
    return argv.length <= most ? { form: "pieces", argv } : null
}

/** A program that runs as it stands, or that env(1) finds as a shell would. */
function isProgram(word: string): boolean {
    return /^\/[^%]*$|^[A-Za-z0-9_][\w.+-]*$/.test(word)
}

function withSource(text: string): string {
    return text.replaceAll(TOKEN, "{source}")
}
