/** Commands of knockd are bytes; what begins a program takes texts. */
import { readable } from "./text.ts"

/**
 * The text for the shell that has these bytes (one character each) when it is written as UTF-8. Where they are no UTF-8
 * the shell puts them together itself.
 */
export function shellText(command: string): string {
    const text = readable(command)
    if (text !== command || !/[^\0-\x7f]/.test(command)) return text
    const octal = command.replace(/[\s\S]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, "0")}`)
    return `eval "$(printf %b '${octal}')"`
}
