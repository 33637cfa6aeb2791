/**
 * Command lines as getopt_long(3) of the GNU C library reads them: for the programs whose place we take, which were
 * written with it. Short options in one word, values in the same word or in the next, long options cut short as far as
 * they stay clear, `--`, and options behind operands. The same mistakes in the same words, because scripts may have
 * come to know them.
 */

/** An option: its letter, its long name, and whether it takes a value. The order is that of the program's own table. */
export type OptionSpec = { readonly short: string; readonly long: string; readonly value: boolean }

/**
 * What comes next on a command line: an option by its letter, or a mistake in getopt's words, without the name of the
 * program. Operands come last, all at once and in their order, whatever stands between them.
 */
export type Step =
    | { readonly step: "option"; readonly short: string; readonly value: string }
    | { readonly step: "mistake"; readonly text: string }
    | { readonly step: "operands"; readonly words: readonly string[] }

/**
 * Reads a command line step by step: who asks for no more steps is not told of what stands behind, as with getopt.
 * `strict`: the first operand ends the options, as POSIXLY_CORRECT in the environment asks for.
 */
export function* getopt(
    words: readonly string[],
    options: readonly OptionSpec[],
    strict: boolean,
): Generator<Step, void, undefined> {
    const operands: string[] = []
    for (let at = 0; at < words.length; ) {
        const word = words[at++]!
        if (word === "--" || (strict && !isOption(word))) {
            operands.push(...words.slice(word === "--" ? at : at - 1))
            break
        }
        if (!isOption(word)) operands.push(word)
        else {
            const next = words[at]
            const taken = yield* word.startsWith("--") ? long(word, next, options) : short(word, next, options)
            if (taken) at++
        }
    }
    yield { step: "operands", words: operands }
}

/** A single `-` is an operand. */
const isOption = (word: string): boolean => word.length > 1 && word.startsWith("-")

/** Says whether it took the next word as a value. */
type Taken = Generator<Step, boolean, undefined>

function* long(word: string, next: string | undefined, options: readonly OptionSpec[]): Taken {
    const equals = word.indexOf("=")
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
    const given = equals < 0 ? undefined : word.slice(equals + 1)
    const like = options.filter((option) => option.long.startsWith(name))
    const found = like.find((option) => option.long === name) ?? like[0]
    if (found === undefined) yield { step: "mistake", text: `unrecognized option '${word}'` }
    else if (like.length > 1 && found.long !== name) {
        const names = like.map((option) => `'--${option.long}'`).join(" ")
        yield { step: "mistake", text: `option '${word}' is ambiguous; possibilities: ${names}` }
    } else if (!found.value && given !== undefined)
        yield { step: "mistake", text: `option '--${found.long}' doesn't allow an argument` }
    else if (found.value && given === undefined && next === undefined)
        yield { step: "mistake", text: `option '--${found.long}' requires an argument` }
    else {
        const taken = found.value && given === undefined
        yield { step: "option", short: found.short, value: (taken ? next : given) ?? "" }
        return taken
    }
    return false
}

function* short(word: string, next: string | undefined, options: readonly OptionSpec[]): Taken {
    const letters = Array.from(word.slice(1))
    for (const [index, letter] of letters.entries()) {
        const found = options.find((option) => option.short === letter)
        if (found === undefined) yield { step: "mistake", text: `invalid option -- '${letter}'` }
        else if (found.value) {
            const rest = letters.slice(index + 1).join("")
            if (rest === "" && next === undefined)
                yield { step: "mistake", text: `option requires an argument -- '${letter}'` }
            else yield { step: "option", short: letter, value: rest === "" ? next! : rest }
            return rest === "" && next !== undefined
        } else yield { step: "option", short: letter, value: "" }
    }
    return false
}
