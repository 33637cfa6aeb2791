/** `postern import`: knockd.conf as a configuration of ours. */
import type { Foreign } from "../../core/knockd/import/foreign.ts"
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

type Options = { readonly output?: string; readonly force?: true }

const EXAMPLES = `Examples:
  postern import /etc/knockd.conf                        what would it be?
  postern import /etc/knockd.conf -o postern.toml
  postern check postern.toml
`

/** Ours: no knockd.conf needs a tenth of it (bytes). */
const MOST = 1_048_576

export const importing: CliCommand = {
    define(program, run) {
        program
            .command("import")
            .summary("writes the configuration that does what a knockd.conf does")
            .description(
                "Reads a knockd.conf and prints the postern.toml that does the same, with a comment on each line: where it " +
                    "comes from, what will not be as it was, what is risky. Openings of ports become grants, other commands " +
                    "stay commands. Exit status 3 if a door has to be left out.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("<file>", "a knockd.conf")
            .option("-o, --output <file>", "write it there, readable by its owner alone, instead of to standard output")
            .option("--force", "replace the file if it is there")
            .action((file: string, options: Options) => run((terminal) => act(file, options, terminal)))
    },
}

/** Imports, says what is left out, and writes. Loads what it needs only now: other verbs should not wait for it. */
async function act(file: string, options: Options, terminal: Terminal): Promise<ExitCode> {
    const found = await readFile(file, terminal)
    if (typeof found === "number") return found
    const { importKnockdConf } = await import("../../core/knockd/import/import.ts")
    const imported = await importKnockdConf(found.text, { name: file, readable: (found.mode & 0o004) !== 0 })
    if (!imported.ok) {
        const { foreignFormat } = await import("../../core/knockd/import/foreign.ts")
        const foreign = foreignFormat(found.text)
        if (foreign === null)
            terminal.error(
                `${file}: ${imported.message}`,
                `postern check --knockd ${file} names all that knockd refuses`,
            )
        else terminal.error(`${file}: ${FOREIGN[foreign][0]}`, FOREIGN[foreign][1])
        return EXIT.configuration
    }
    if (imported.doors + imported.left.length === 0) {
        terminal.error(`${file}: there is no door in it`, "is it the right file?")
        return EXIT.configuration
    }
    if (options.output === undefined) for (const line of imported.text.trimEnd().split("\n")) terminal.out(line)
    else {
        const code = await write(options.output, imported.text, options.force === true, terminal)
        if (code !== EXIT.ok) return code
    }
    for (const { name, why } of imported.left) terminal.warn(`[${name}] is left out: ${why}`)
    terminal.say(`postern: ${sum(imported.doors, imported.left.length)}`)
    return imported.left.length === 0 ? EXIT.ok : EXIT.configuration
}

const FOREIGN: Readonly<Record<Foreign, readonly [what: string, hint: string]>> = {
    "fwknop-access": [
        "not a knockd.conf: it looks like an access.conf of fwknop",
        "only knockd.conf can be imported yet",
    ],
    "fwknop-client": ["not a knockd.conf: it looks like a .fwknoprc of fwknop", "only knockd.conf can be imported yet"],
    "fwknop-server": ["not a knockd.conf: it looks like a fwknopd.conf", "only knockd.conf can be imported yet"],
    postern: ["not a knockd.conf: it looks like a configuration of Postern", "postern check says whether it is right"],
}

/** The bytes of a file, one character each, or the exit code after an error that has been told. */
async function readFile(file: string, terminal: Terminal) {
    const { closeSync, constants, fstatSync, openSync, readFileSync } = await import("node:fs")
    let fd: number | null = null
    try {
        // Not blocking: a FIFO is no configuration.
        fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
        const { mode, size } = fstatSync(fd)
        if (size <= MOST) return { text: readFileSync(fd, "latin1"), mode }
        terminal.error(`${file}: larger than any sensible configuration (1 MiB)`, "is it the right file?")
        return EXIT.configuration
    } catch (error) {
        if (!(error instanceof Error && "code" in error)) throw error
        const denied = isDenied(error.code)
        const hint = denied ? "do it as root, or as its owner" : "name a knockd.conf, such as /etc/knockd.conf"
        terminal.error(`${file}: cannot be read: ${reason(error.code)}`, hint)
        return denied ? EXIT.permission : EXIT.configuration
    } finally {
        if (fd !== null) closeSync(fd)
    }
}

async function write(file: string, text: string, force: boolean, terminal: Terminal): Promise<ExitCode> {
    const { saveSecret } = await import("../save.ts")
    try {
        saveSecret(file, text, force)
        return EXIT.ok
    } catch (error) {
        if (!(error instanceof Error && "code" in error)) throw error
        if (error.code === "EEXIST")
            terminal.error(`${file}: is there already`, "name another, or replace it with --force")
        else terminal.error(`${file}: cannot be written: ${reason(error.code)}`, "name a place that you may write to")
        return isDenied(error.code) ? EXIT.permission : EXIT.failed
    }
}

/** Why the system would not, in words where it is one of the usual mistakes. */
function reason(code: unknown): string {
    if (isDenied(code)) return "no permission"
    if (code === "ENOENT") return "there is no such file or directory"
    return code === "EISDIR" ? "it is a directory" : String(code)
}

function isDenied(code: unknown): boolean {
    return code === "EACCES" || code === "EPERM"
}

function sum(doors: number, left: number): string {
    const taken = `${doors} door${doors === 1 ? "" : "s"}`
    return left === 0 ? `${taken}, none left out` : `${taken}, ${left} left out`
}
