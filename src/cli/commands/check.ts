/**
 * `postern check`: every problem of a configuration, at once; and what a capture would have opened. A knockd.conf is
 * looked at as well, as what it is.
 */
import type { Issue } from "../../core/config/issues.ts"
import type { ConfigFile, HostFacts, Reading } from "../../core/config/parse.ts"
import type { KnockdHost } from "../../core/knockd/check.ts"
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
    readonly knockd?: true
}

/** A configuration that has been looked at, of either kind. `refused`: not all of it may be read. */
type Checked = {
    readonly ok: boolean
    readonly files: readonly string[]
    readonly doors: readonly string[]
    readonly issues: readonly (Omit<Issue, "code"> & { readonly code: string })[]
    readonly refused: boolean
}

const EXAMPLES = `Examples:
  postern check                        the configuration of this host
  postern check ./postern.toml         another one, before it is installed
  postern check --strict && postern reload
  postern check --json | jq -r '.issues[].path'
  postern check --replay knock.pcap    what would this capture have opened?
  postern check /etc/knockd.conf       what does knockd take without a word?
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
            .option("--knockd", "it is a knockd.conf, whatever it is called (default: /etc/knockd.conf)")
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
    const { isKnockdConf } = await import("../../core/knockd/recognise.ts")
    const asked = file ?? options.config
    const knockd = options.knockd === true
    const path = knockd ? (asked ?? KNOCKD_CONF) : configFile(asked, terminal.env)
    const files = knockd ? [] : readConfigFiles(path)
    const text = files[0]?.text
    if (knockd || isKnockdConf(path, typeof text === "string" ? text : "")) {
        if (options.replay !== undefined) {
            terminal.error(
                "a capture is replayed past a configuration of ours",
                "postern import makes one of a knockd.conf",
            )
            return EXIT.usage
        }
        return finish(await checkKnockdConf(path, options.host), null, options, terminal)
    }
    const { readConfig } = await import("../../core/config/parse.ts")
    const { readKeyLate } = await import("../../adapters/sealing/late.ts")
    const { knockersBeside } = await import("../../adapters/knockers/beside.ts")
    const facts = options.host ? await thisHost() : { listening: null }
    const reading = await readConfig(files, { ...facts, knockers: knockersBeside(path, readKeyLate) })
    let replayed: Replay | null = null
    if (options.replay !== undefined && reading.ok) {
        replayed = await replayFile(options.replay, reading, terminal)
        if (replayed === null) return EXIT.failed
    }
    const { unreadFiles } = await import("../check/unread.ts")
    const unread = options.host && reading.ok ? await unreadFiles(path, files, reading.config) : []
    return finish(checkedOf(files, reading, unread), replayed, options, terminal)
}

async function thisHost(): Promise<HostFacts> {
    const host = await import("../check/host.ts")
    return host.thisHost()
}

/** Where knockd looks for its configuration. */
const KNOCKD_CONF = "/etc/knockd.conf"

/** A configuration of ours. */
function checkedOf(files: readonly ConfigFile[], reading: Reading, unread: readonly Issue[]): Checked {
    const refused = reading.issues.some(({ code }) => code === "forbidden")
    const doors = reading.ok ? reading.config.doors.map(({ name }) => name) : []
    const issues = [...reading.issues, ...unread]
    return { ok: reading.ok, files: files.map((one) => one.file), doors, issues, refused }
}

/** knockd's. */
async function checkKnockdConf(path: string, host: boolean): Promise<Checked> {
    const { surveyKnockdFiles } = await import("../../adapters/config/knockd.ts")
    const { checkKnockd } = await import("../../core/knockd/check.ts")
    const { readable } = await import("../../core/knockd/text.ts")
    const source = surveyKnockdFiles(path)
    const found = checkKnockd(source, host ? await hostOfKnockd() : { listening: null, lacks: null })
    const issues = found.map((issue) => (issue.file === path ? issue : { ...issue, file: readable(issue.file) }))
    return {
        ok: !issues.some(({ severity }) => severity === "error"),
        files: [path, ...[...source.oneTime.keys()].filter((name) => name !== "").map(readable)],
        doors: source.survey?.conf.doors.map(({ name }) => readable(name)) ?? [],
        issues,
        refused: source.refused,
    }
}

async function hostOfKnockd(): Promise<KnockdHost> {
    const { isDirectoryMissing, isProgramMissing } = await import("../../adapters/commands/present.ts")
    const { isInterfaceMissing } = await import("../../adapters/links/present.ts")
    const asks = { program: isProgramMissing, interface: isInterfaceMissing, directory: isDirectoryMissing }
    const { listening } = await thisHost()
    return { listening, lacks: (kind, name) => asks[kind](name) }
}

async function finish(
    checked: Checked,
    replayed: Replay | null,
    options: Options,
    terminal: Terminal,
): Promise<ExitCode> {
    const code = exitCode(checked, options.strict === true)
    if (options.json === true) await printJson(checked, replayed, code, terminal)
    else await printLines(checked, replayed, terminal)
    return code
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

function exitCode({ ok, issues, refused }: Checked, strict: boolean): ExitCode {
    if (refused) return EXIT.permission
    return !ok || (strict && issues.some(({ severity }) => severity === "warning")) ? EXIT.configuration : EXIT.ok
}

async function printJson(
    { files, doors, issues }: Checked,
    replayed: Replay | null,
    code: ExitCode,
    terminal: Terminal,
): Promise<void> {
    const more = replayed === null ? {} : { replay: (await import("../check/replay.ts")).plainReplay(replayed) }
    terminal.out(JSON.stringify({ version: 1, ok: code === EXIT.ok, files, doors, issues, ...more }))
}

async function printLines(checked: Checked, replayed: Replay | null, terminal: Terminal): Promise<void> {
    const { formatIssue } = await import("../../core/config/issues.ts")
    for (const issue of checked.issues) terminal.out(formatIssue(issue))
    terminal.say(`postern: ${summary(checked)}`)
    if (replayed === null) return
    const { formatStamp, reportText } = await import("../../voice/reports.ts")
    for (const { wall, report } of replayed.said)
        terminal.out(`${formatStamp(Math.floor(wall))} ${reportText(report, Math.floor(wall)).text}`)
    for (const { code, offset } of replayed.problems) terminal.warn(`the capture is damaged at byte ${offset}: ${code}`)
    const { frames, packets, opened } = replayed
    const times = opened === 1 ? "1 door" : `${opened === 0 ? "no" : opened} doors`
    terminal.say(`postern: ${count(frames, "frame")}, ${count(packets, "possible hit")}: would have opened ${times}`)
}

function summary({ ok, files, doors, issues }: Checked): string {
    const kinds = (["error", "warning", "note"] as const).flatMap((severity) => {
        const number = issues.filter((issue) => issue.severity === severity).length
        return number === 0 ? [] : [count(number, severity)]
    })
    const found = kinds.length === 0 ? "no problems" : kinds.join(", ")
    const where = files.length === 1 ? "" : ` in ${files.length} files`
    return ok ? `${count(doors.length, "door")}${where}, ${found}` : `${found}${where}`
}

function count(number: number, what: string): string {
    return `${number} ${what}${number === 1 ? "" : "s"}`
}
