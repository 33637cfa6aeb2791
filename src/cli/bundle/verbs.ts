/** What `postern bundle` does: asked of the daemon, but for the generation of a knocker, which stands in a file. */
import { parseDuration } from "../../core/knock/language.ts"
import { withGeneration } from "../../core/one-time/knocker-edit.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import { formatStamp } from "../../voice/reports.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { BundleOptions } from "../commands/bundle.ts"
import { askOnce } from "../control/ask.ts"
import { bundleLines, publicationLines } from "../texts/bundle.ts"
import { noSuchKnocker, openFolder } from "../user/folder.ts"
import { rewrite } from "../user/hold.ts"
import { takeOver } from "../user/reload.ts"

/** How long an old signing key goes on if nothing else is said. */
const GRACE = "90d"

/** What is in a knocker's bundle: never a hit, but with `--secret`. */
export async function show(knocker: string, options: BundleOptions, terminal: Terminal): Promise<ExitCode> {
    const secret = options.secret === true
    const answer = await askOnce({ ask: "bundle", knocker, secret }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { ok: _, answer: __, ...shown } = answer
    if (!shown.known) {
        terminal.error(`${knocker}: the daemon knows no such knocker`, "postern user list shows who there is")
        return EXIT.usage
    }
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, ...shown }))
    else if (shown.text !== null) terminal.out(shown.text.trimEnd())
    else for (const line of bundleLines(shown, Date.now())) terminal.out(line)
    return EXIT.ok
}

/** Publishes now. Where a target does not work the exit status is 1. */
export async function publish(options: BundleOptions, terminal: Terminal): Promise<ExitCode> {
    const answer = await askOnce({ ask: "publish" }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { publication } = answer
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, ...publication }))
    else for (const line of publicationLines(publication, Date.now())) terminal.out(line)
    const wrong = publication.trouble !== null || publication.targets.some(({ trouble }) => trouble !== null)
    return wrong ? EXIT.failed : EXIT.ok
}

/** Other sequences for a knocker: those of old bundles open nothing from then on. */
export async function rotate(name: string, options: BundleOptions, terminal: Terminal): Promise<ExitCode> {
    const folder = await openFolder(options.config, terminal)
    if (typeof folder === "number") return folder
    let generation = 0
    const written = await rewrite(folder, name, terminal, async (now) => {
        if (now === null) return noSuchKnocker(name, terminal)
        generation = now.knocker.generation + 1
        return withGeneration(now.text, generation)
    })
    if (written !== EXIT.ok) return written
    if (options.json === true) terminal.out(JSON.stringify({ version: 1, name, generation }))
    else terminal.say(`postern: ${name}: other sequences from now on (generation ${generation})`)
    return takeOver(options.socket, terminal)
}

/** A new signing key. */
export async function rotateKey(options: BundleOptions, terminal: Terminal): Promise<ExitCode> {
    const grace = parseDuration(options.grace ?? GRACE)
    if (!grace.ok) {
        terminal.error(
            `--grace ${options.grace}: not a time`,
            "such as 90d, 12h, or 0s where the old key may be in wrong hands",
        )
        return EXIT.usage
    }
    const answer = await askOnce({ ask: "rotate", grace: grace.value }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { key, until } = answer
    if (options.json === true) {
        terminal.out(JSON.stringify({ version: 1, key, until }))
        return EXIT.ok
    }
    terminal.out(key)
    const old =
        until <= Date.now()
            ? "the old key signs nothing any more: enrol all knockers again"
            : `the old key signs beside it until ${formatStamp(until)}`
    terminal.say(`postern: bundles are signed with this key from now on; ${old}`)
    return EXIT.ok
}
