/** A file of ours out of drafts: TOML with a comment for each line. Only the lines `hits` hold hits. */

import { LIMITS } from "../../config/defaults.ts"
import { formatDuration, formatFlags, formatHit, formatService } from "../../knock/language.ts"
import { formatAddress, parseAddress } from "../../net/address.ts"
import type { Draft } from "./door.ts"
import type { Gateway } from "./gateway.ts"
import {
    alikeText,
    cooldownText,
    cutText,
    familyText,
    HEAD,
    hideTexts,
    leftText,
    RENAMED_TEXT,
    shadowText,
    timeText,
    whyText,
    widerText,
} from "./texts.ts"
import { commentLine, commentLines, tomlList, tomlString } from "./writing.ts"

/** What `postern check` thinks unwise about a door: where in it, and the sentence. */
export type Risk = { readonly where: string; readonly message: string }

/** Ours: what knockd leaves open without end is open for so long (ms); beyond it `postern check` warns. */
const OPEN_FOR = 3_600_000

/** Ours: so many doors are named. */
const MOST_NAMED = 4

/** A command that names one of these may open a port. */
const FIREWALLS = /ip6?tables|nft|ufw|firewall-cmd|ipset|knock_/

/** The whole file. `origin`: what it is made from, as a person calls it. */
export function renderImport(
    origin: string,
    heads: readonly string[],
    gateway: Gateway,
    drafts: readonly Draft[],
    risks: ReadonlyMap<string, readonly Risk[]>,
): string {
    const alike = beginAlike(drafts)
    const hiding = drafts.flatMap(({ name, does, out }) => (does.plan === "open" && out === null ? [name] : []))
    const lines = [
        ...commentLines(`Made from ${origin} by postern import.`),
        ...[...HEAD, ...heads].flatMap(remark),
        "",
        "[gateway]",
        ...gateway.flatMap(({ line, comment }) => [...remark(comment), ...(line === null ? [] : [line])]),
        ...drafts.flatMap((draft) => [
            "",
            ...doorLines(draft, risks.get(draft.name) ?? [], alike.get(draft.name) ?? [], hiding),
        ]),
    ]
    return `${lines.join("\n")}\n`
}

/** A comment. What follows a word such as `risk:` is indented; a command that is, stays on a line of its own. */
function remark(text: string): string[] {
    if (text.startsWith(" ")) return [commentLine(text)]
    return commentLines(text, /^[a-z_]+:/.test(text) ? "  " : "")
}

function doorLines(
    draft: Draft,
    risks: readonly Risk[],
    alike: readonly string[],
    hiding: readonly string[],
): string[] {
    const { name, was, out } = draft
    const ofHits = ({ where }: Risk) => where.startsWith("sequence.")
    const lines = [
        "[[door]]",
        ...(name === was.name ? [] : remark(RENAMED_TEXT)),
        `name = ${tomlString(name)}`,
        ...(alike.length === 0 ? [] : remark(alikeText(alike))),
        ...riskLines(risks.filter((risk) => !ofHits(risk))),
        ...familyLines(draft),
        ...(was.strict ? remark("strict: every door is.") : []),
        ...(was.cooldown > 0 ? remark(cooldownText(was.cooldown)) : []),
        ...deedLines(draft),
        "[door.sequence]",
        ...sequenceLines(draft, risks.filter(ofHits)),
        ...commandLines(draft, hiding),
    ]
    const head = remark(`[${was.name}], line ${was.line}`)
    if (out === null) return [...head, ...lines]
    const plain = lines.filter((line) => !line.startsWith("#"))
    return [...head, ...remark(`left_out: ${leftText(out)}.`), ...plain.map((line) => `# ${line}`)]
}

/** By its name: doors before each that begin with the same hit. They disturb each other in knockd, and here no more. */
function beginAlike(drafts: readonly Draft[]): Map<string, readonly string[]> {
    const alike = new Map<string, readonly string[]>()
    const before = new Map<string, Draft[]>()
    for (const draft of drafts) {
        const [first] = draft.was.hits
        if (draft.out !== null || first === undefined) continue
        const some = before.get(formatHit(first)) ?? []
        const others = some.filter(({ was }) => was !== draft.was).map(({ name }) => name)
        if (others.length > 0) alike.set(draft.name, others.slice(0, MOST_NAMED))
        if (some.length <= MOST_NAMED) before.set(formatHit(first), [...some, draft])
    }
    return alike
}

function riskLines(risks: readonly Risk[]): string[] {
    return risks.flatMap(({ where, message }) => remark(`risk: ${where.replace("sequence.", "")}: ${message}.`))
}

function familyLines({ family, was, does }: Draft): string[] {
    if (family === null) {
        const four = does.plan === "open" && was.start6 === null && /\biptables|ipv4|knock_/.test(was.start ?? "")
        return four
            ? remark("differs: opens to those who knock by IPv6, too; knockd's command was for IPv4 alone.")
            : []
    }
    const network = family === 4 ? "0.0.0.0/0" : "::/0"
    return [...remark(familyText(`IPv${family}`, does.plan === "open")), `sources = ["${network}"]`]
}

function deedLines({ does, was, family }: Draft): string[] {
    const six = family === 6
    const key = six && was.start6 !== null ? "start_command_6" : "start_command"
    const [start, stop] = six ? [was.start6 ?? was.start, was.stop6 ?? was.stop] : [was.start, was.stop]
    if (does.plan === "close") {
        return [...remark(`closes: ${key}: ${start}`), `closes = ${tomlList(does.closes)}`]
    }
    if (does.plan !== "open") return []
    const [least, most] = LIMITS.for
    const time = does.for?.ms ?? OPEN_FOR
    const ms = Math.min(Math.max(time, least), most)
    return [
        ...remark(`opens: ${key}: ${start}`),
        ...does.wider.flatMap((wider) => remark(`differs: ${widerText(wider)}`)),
        ...(/\bknock_/.test(start ?? "") ? remark("Taken for the script of knockd's own package.") : []),
        `opens = ${tomlList(does.services.map(formatService))}`,
        ...remark(timeText(does, stop)),
        ...(ms === time ? [] : remark(cutText("cmd_timeout", time / 1000, ms))),
        `for = "${formatDuration(ms)}"`,
        ...hideTexts(does).flatMap(remark),
        "hide = true",
        '# always = ["192.0.2.0/24"]',
    ]
}

function sequenceLines({ was, out }: Draft, risks: readonly Risk[]): string[] {
    const [, most] = LIMITS.within
    const within = Math.min(Math.max(was.seqTimeout, 1) * 1000, most)
    const tcp = was.hits.some(({ protocol }) => protocol === "tcp")
    const target = was.target === null ? null : parseAddress(was.target)
    const hits = out?.left === "one-time" ? '"…", "…", "…", "…"' : tomlList(was.hits.map(formatHit)).slice(1, -1)
    return [
        ...riskLines(risks),
        `hits = [${hits}]`,
        ...remark("within: seq_timeout; knockd counts in whole seconds."),
        ...(within === was.seqTimeout * 1000 ? [] : remark(cutText("seq_timeout", was.seqTimeout, within))),
        `within = "${formatDuration(within)}"`,
        ...(tcp ? flagLines(was.flags) : []),
        ...(target === null
            ? []
            : [...remark("target: the address that hits are sent to."), `target = "${formatAddress(target)}"`]),
    ]
}

function flagLines(flags: Draft["was"]["flags"]): string[] {
    const text = formatFlags(flags)
    const why = text === "any" ? "flags: there were no tcpflags, and any TCP packet is a hit." : "flags: tcpflags"
    return [...remark(why), `flags = "${text}"`]
}

function commandLines({ does, was, family }: Draft, hiding: readonly string[]): string[] {
    if (does.plan === "nothing") {
        return [
            "[door.command]",
            ...remark("start: there was no command: knockd only logs that the door opened. So does this."),
            'start = ["/bin/true"]',
        ]
    }
    if (does.plan !== "run" || does.argv === null) return []
    const key = family === 6 && was.start6 !== null ? "start_command_6" : "start_command"
    const [, longest] = LIMITS.after
    const after = Math.min(does.after ?? 0, longest)
    return [
        "[door.command]",
        ...remark(`start: ${key}, not a grant: ${whyText(does.why)}.`),
        ...(hiding.length > 0 && FIREWALLS.test(does.start) ? remark(shadowText(hiding.slice(0, MOST_NAMED))) : []),
        ...formRemark(does.argv.form),
        `start = ${tomlList(does.argv.argv)}`,
        ...remark("timeout: knockd waits without end."),
        'timeout = "1h"',
        ...(does.stop !== null && does.after === null
            ? remark("stop: cmd_timeout is below 0, so that knockd waits for ever: left out.")
            : []),
        ...(does.stopArgv === null
            ? []
            : [
                  ...remark("stop: the stop command, after cmd_timeout; here across restarts and reboots, too."),
                  ...formRemark(does.stopArgv.form),
                  `stop = ${tomlList(does.stopArgv.argv)}`,
                  ...(after === does.after ? [] : remark(cutText("cmd_timeout", was.cmdTimeout, after))),
                  `after = "${formatDuration(after)}"`,
              ]),
    ]
}

function formRemark(form: "argv" | "shell" | "pieces"): string[] {
    if (form === "argv") return []
    const pieces = "It is in pieces, so that nothing in it is taken for a placeholder; the shell puts them together."
    return [
        ...remark("A shell reads it; {source} is digits, letters a to f, dots and colons, and never a command."),
        ...(form === "pieces" ? remark(pieces) : []),
    ]
}
