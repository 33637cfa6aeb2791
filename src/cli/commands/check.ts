/** `postern check`: every problem of a configuration, at once; and what a capture would have opened. */
import type { Lacks } from "../../core/config/host.ts"
import type { ConfigFile, HostFacts, Reading } from "../../core/config/parse.ts"
import type { CliCommand } from "../../voice/command.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { Replay } from "../check/replay.ts"

type Options = {
    readonly config?: string
    readonly json?: true
    readonly strict?: true
    readonly host: boolean
    readonly replay?: string
}

const EXAMPLES = `Examples:
  postern check                        the configuration of this host
  postern check ./postern.toml         another one, before it is installed
  postern check --strict && postern reload
  postern check --json | jq -r '.issues[].path'
  postern check --replay knock.pcap    what would this capture have opened?
`

export const check: CliCommand = {
    define(program, run) {
        program
            .command("check")
            .summary("shows every problem of a configuration, as file:line:col")
            .description(
                "Reads a configuration and conf.d/*.toml beside it, changes nothing, and prints every problem with " +
                    "its place and how to mend it. Exit status 3 if there is an error.",
            )
            .addHelpText("before", EXAMPLES)
            .argument("[file]", "default: $POSTERN_CONFIG, or /etc/postern/postern.toml")
            .option("-c, --config <file>", "the same as FILE")
            .option("--strict", "warnings fail too")
            .option("--no-host", "it is for another host: do not look at what this one has and what listens on it")
            .option("--json", "one JSON object instead of lines")
            .option("--replay <pcap>", "tell what a capture file would have opened")
            .action((file: string | undefined, options: Options) => run((terminal) => act(file, options, terminal)))
    },
}

/** Checks, prints, and says how it went. Loads what it needs only now: other verbs should not wait for it. */
async function act(file: string | undefined, options: Options, terminal: Terminal): Promise<ExitCode> {
    if (file !== undefined && options.config !== undefined) {
        terminal.error("two configurations were named", "leave out either FILE or --config")
        return EXIT.usage
    }
    const { configFile, readConfigFiles } = await import("../../adapters/config/files.ts")
    const { readConfig } = await import("../../core/config/parse.ts")
    const files = readConfigFiles(configFile(file ?? options.config, terminal.env))
    const reading = await readConfig(files, options.host ? await thisHost() : { listening: null })
    const code = exitCode(files, reading, options.strict === true)
    let replayed: Replay | null = null
    if (options.replay !== undefined && reading.ok) {
        replayed = await replayFile(options.replay, reading, terminal)
        if (replayed === null) return EXIT.failed
    }
    if (options.json === true) await printJson(files, reading, replayed, code, terminal)
    else await printLines(files, reading, replayed, terminal)
    return code
}

/** What this host has and offers, as far as that can be asked: it only serves warnings. */
async function thisHost(): Promise<HostFacts> {
    const { socketServices } = await import("../../adapters/services/sockets.ts")
    const { isProgramMissing } = await import("../../adapters/commands/present.ts")
    const { groupId } = await import("../../adapters/control/group.ts")
    const lacks: Lacks = (kind, name) => (kind === "program" ? isProgramMissing(name) : groupId(name) === undefined)
    try {
        return { listening: socketServices().offered(), lacks }
    } catch {
        return { listening: null, lacks }
    }
}

async function replayFile(path: string, reading: Reading & { ok: true }, terminal: Terminal): Promise<Replay | null> {
    const { readFileSync } = await import("node:fs")
    const { replay } = await import("../check/replay.ts")
    try {
        return replay(readFileSync(path), reading.config)
    } catch (error) {
        if (!(error instanceof Error && "code" in error)) throw error
        terminal.error(`${path}: cannot be read: ${String(error.code)}`, "name a file made with tcpdump -w")
        return null
    }
}

function exitCode(files: readonly ConfigFile[], reading: Reading, strict: boolean): ExitCode {
    if (files.some(({ text }) => typeof text !== "string" && text.trouble === "permission")) return EXIT.permission
    const unwise = reading.issues.some(({ severity }) => severity === "warning")
    return !reading.ok || (strict && unwise) ? EXIT.configuration : EXIT.ok
}

async function printJson(
    files: readonly ConfigFile[],
    reading: Reading,
    replayed: Replay | null,
    code: ExitCode,
    terminal: Terminal,
): Promise<void> {
    const doors = reading.ok ? reading.config.doors.map(({ name }) => name) : []
    const answer = { version: 1, ok: code === EXIT.ok, files: files.map(({ file }) => file), doors }
    const more = replayed === null ? {} : { replay: (await import("../check/replay.ts")).plainReplay(replayed) }
    terminal.out(JSON.stringify({ ...answer, issues: reading.issues, ...more }))
}

async function printLines(
    files: readonly ConfigFile[],
    reading: Reading,
    replayed: Replay | null,
    terminal: Terminal,
): Promise<void> {
    const { formatIssue } = await import("../../core/config/issues.ts")
    for (const issue of reading.issues) terminal.out(formatIssue(issue))
    terminal.say(`postern: ${summary(reading, files.length)}`)
    if (replayed === null) return
    const { formatStamp, reportText } = await import("../../voice/reports.ts")
    for (const { wall, report } of replayed.said)
        terminal.out(`${formatStamp(Math.floor(wall))} ${reportText(report, Math.floor(wall)).text}`)
    for (const { code, offset } of replayed.problems) terminal.warn(`the capture is damaged at byte ${offset}: ${code}`)
    const { frames, packets, opened } = replayed
    const times = opened === 1 ? "1 door" : `${opened === 0 ? "no" : opened} doors`
    terminal.say(`postern: ${count(frames, "frame")}, ${count(packets, "possible hit")}: would have opened ${times}`)
}

function summary(reading: Reading, files: number): string {
    const kinds = (["error", "warning", "note"] as const).flatMap((severity) => {
        const number = reading.issues.filter((issue) => issue.severity === severity).length
        return number === 0 ? [] : [count(number, severity)]
    })
    const found = kinds.length === 0 ? "no problems" : kinds.join(", ")
    const where = files === 1 ? "" : ` in ${files} files`
    return reading.ok ? `${count(reading.config.doors.length, "door")}${where}, ${found}` : `${found}${where}`
}

function count(number: number, what: string): string {
    return `${number} ${what}${number === 1 ? "" : "s"}`
}
