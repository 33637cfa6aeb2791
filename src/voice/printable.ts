/**
 * Text that came from elsewhere (arguments, file names, the name service) made fit for a terminal: no control
 * characters, so that nothing of it can move the cursor, set the title or answer for the user, and none of Unicode's
 * direction marks, which make a line read otherwise than it is.
 */
const CONTROL = /(?![\t\n])[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/**
 * Puts U+FFFD in place of each such character. Lines and tabs stay. Colours do not: "concealed" is one of them (ECMA-48,
 * SGR 8), so our own are put around a text afterwards.
 */
export function printable(text: string): string {
    return text.replaceAll(CONTROL, "\ufffd")
}
