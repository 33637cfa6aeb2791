/**
 * The part of the shell's language in which a text means the same to everybody: plain and quoted words, and commands one
 * after another (POSIX.1, "Shell Command Language", 2.2 Quoting, 2.9 Shell Commands). Whatever a shell would look up,
 * expand or connect is not read here, and never guessed: then the text is for a shell.
 */

/** What makes a text more than words. */
export type ShellOnly =
    | "variable"
    | "substitution"
    | "redirection"
    | "pipe"
    | "condition"
    | "background"
    | "group"
    | "pattern"
    | "home"
    | "braces"
    | "comment"
    | "assignment"
    | "builtin"
    | "control"
    | "quote"
    | "nothing"

/** Commands, each its words, or why a shell has to read the text. */
export type Words =
    | { readonly ok: true; readonly commands: readonly (readonly string[])[] }
    | { readonly ok: false; readonly what: ShellOnly }

/** Characters that, unquoted, are more than themselves. */
const SPECIAL: ReadonlyMap<string, ShellOnly> = new Map([
    ["`", "substitution"],
    ["<", "redirection"],
    [">", "redirection"],
    ["(", "group"],
    [")", "group"],
    ["*", "pattern"],
    ["?", "pattern"],
    ["[", "pattern"],
])

/** Reserved words, and commands that are part of some shell: as the first word they are not programs. */
const OWN: ReadonlySet<string> = new Set(
    (
        "! { } [[ ]] case coproc do done elif else esac fi for function if in select then time until while " +
        ". : [ alias bg bind break builtin caller cd chdir command compgen complete continue declare dirs disown echo " +
        "enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile popd " +
        "printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type " +
        "typeset ulimit umask unalias unset wait"
    ).split(" "),
)

/** Reads a text, one character per byte. Never throws. */
export function readWords(text: string): Words {
    const reader = new Reader()
    for (let at = 0; at < text.length; ) {
        const next = reader.step(text, at)
        if (typeof next === "string") return { ok: false, what: next }
        at = next
    }
    return reader.end()
}

/** A word as a shell reads it back; the plain ones as they are. */
export function quoted(word: string): string {
    return /^[\w%+,./:=@^-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

class Reader {
    readonly #commands: string[][] = []
    #words: string[] = []
    /** Null between words: an empty pair of quotes is a word, too. */
    #word: string | null = null
    /** The part of the word that stands outside quotes. */
    #bare = ""

    /** Takes what stands at `at`: where to go on, or why not. */
    step(text: string, at: number): number | ShellOnly {
        const c = text[at]!
        const next = text[at + 1]
        if (c === " " || c === "\t") return this.#endWord() ?? at + 1
        // Other control characters: shells do not agree on them.
        if (c < " " || c === "\x7f") return "control"
        if (c === "'") return this.#single(text, at + 1)
        if (c === '"') return this.#double(text, at + 1)
        if (c === "\\") return next === undefined ? "quote" : this.#take(next, at + 2)
        if (c === "$") return next === "(" ? "substitution" : "variable"
        if (c === "|") return next === "|" ? "condition" : "pipe"
        if (c === "&" && next !== "&") return "background"
        if (c === ";" || c === "&") return this.#endCommand() ?? at + (c === "&" ? 2 : 1)
        const special = SPECIAL.get(c)
        if (special !== undefined) return special
        if (c === "#" && this.#word === null) return "comment"
        if (c === "~" && this.#word === null) return "home"
        this.#bare += c
        return this.#take(c, at + 1)
    }

    end(): Words {
        const what = this.#endWord() ?? (this.#words.length > 0 ? this.#endCommand() : null)
        if (what !== null) return { ok: false, what }
        const commands = this.#commands
        return commands.length === 0 ? { ok: false, what: "nothing" } : { ok: true, commands }
    }

    #take(text: string, next: number): number {
        this.#word = (this.#word ?? "") + text
        return next
    }

    #single(text: string, from: number): number | ShellOnly {
        const end = text.indexOf("'", from)
        return end < 0 ? "quote" : this.#take(text.slice(from, end), end + 1)
    }

    #double(text: string, from: number): number | ShellOnly {
        let inner = ""
        for (let at = from; at < text.length; at++) {
            const c = text[at]!
            if (c === '"') return this.#take(inner, at + 1)
            if (c === "$") return text[at + 1] === "(" ? "substitution" : "variable"
            if (c === "`") return "substitution"
            // Shells for people at a terminal look up `!` even here; sh -c does not.
            if (c === "\\" && /["$\\`]/.test(text[at + 1] ?? "")) inner += text[++at]!
            else inner += c
        }
        return "quote"
    }

    #endWord(): ShellOnly | null {
        if (this.#word === null) return null
        // Some shells make several words of this one.
        if (/\{.*(,|\.\.).*\}/.test(this.#bare)) return "braces"
        if (this.#words.length === 0) {
            if (/^[A-Za-z_]\w*\+?=/.test(this.#word)) return "assignment"
            if (OWN.has(this.#word)) return "builtin"
        }
        this.#words.push(this.#word)
        this.#word = null
        this.#bare = ""
        return null
    }

    #endCommand(): ShellOnly | null {
        const what = this.#endWord()
        if (what !== null) return what
        if (this.#words.length === 0) return "nothing"
        this.#commands.push(this.#words)
        this.#words = []
        return null
    }
}
