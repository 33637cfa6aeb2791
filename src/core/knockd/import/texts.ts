/** The sentences of an imported file: where each line comes from, what it does not do as knockd did, what is risky. */
import { MAX_VIEWS } from "../../config/defaults.ts"
import { formatDuration } from "../../knock/language.ts"
import type { Deed, LeftOut } from "./door.ts"
import type { Why, Wider } from "./move.ts"
import type { ShellOnly } from "./words.ts"

const SHELL: Readonly<Record<ShellOnly, string>> = {
    variable: "it uses variables",
    substitution: "it runs commands inside the command",
    redirection: "it redirects input or output",
    pipe: "it is a pipe",
    condition: "it runs one command if another fails",
    background: "it runs something in the background",
    group: "it groups commands, or defines a function",
    pattern: "it has patterns of file names",
    home: "it names a home directory",
    braces: "some shells take its braces apart",
    comment: "it ends in a comment",
    assignment: "it sets a variable",
    builtin: "it begins with a word of the shell itself",
    control: "it has control characters in it",
    quote: "a quotation mark in it is not closed",
    nothing: "there is a command of no words in it",
}

type WhyTexts = { readonly [W in Why["why"]]: (why: Extract<Why, { why: W }>) => string }

const WHYS: WhyTexts = {
    shell: ({ what }) => `only a shell can say what it does: ${SHELL[what]}`,
    program: ({ program }) => `${program} is no program whose openings are known`,
    word: ({ program, word }) => `${JSON.stringify(word)} is not among the words of ${program} that a grant stands for`,
    short: ({ program }) => `for ${program} it is not all of an opening`,
    source: () => "it is not for the address that knocked, and for it alone",
    "every-port": () => "it opens every port, and a grant names those that it opens",
    protocol: () => "it does not say tcp or udp",
    many: () => "it opens more ports than a door can",
    chain: ({ chain }) =>
        `whether chain ${chain} is about this host or about others behind it cannot be seen from its name`,
    forward: () => "it opens what is behind this host, and a grant opens the host itself",
    verdict: ({ verdict }) => `it does not accept, but ${verdict}`,
    set: ({ set }) => `what an address in the set ${set} may reach is said elsewhere, in the rule that asks the set`,
    later: () => "it changes what holds from the next start of the firewall on",
    mixed: () => "its parts together are more than an opening or a closing",
    "other-stop": () => "the stop command takes something else away than the start command adds",
    "no-twin": () => "no door of this file opens what it closes",
}

/** Why a command stays a command. */
export function whyText(why: Why): string {
    // The only cast: TypeScript cannot see that the index picks the matching function.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const text = WHYS[why.why] as (why: Why) => string
    return text(why)
}

type LeftTexts = { readonly [L in LeftOut["left"]]: (left: Extract<LeftOut, { left: L }>) => string }

const LEFT: LeftTexts = {
    "one-time": ({ path }) =>
        `its sequences are in ${path}, each for one knock, and a configuration of ours cannot have such yet: ` +
        "as a fixed sequence the next one could be repeated by whoever saw it. Leave this door to knockd, or give it a " +
        "sequence of its own",
    "no-such-port": () => "its sequence has a port that is no number from 1 to 65535: nobody could knock there",
    "no-time": () => "its seq_timeout leaves no time at all: a knock of more than one hit never opened it",
    flags: () => "its tcpflags want a flag set and not set: no packet ever did",
    target: ({ target }) =>
        `its target, ${target}, is not an address: knockd compares texts, so that no packet ever was for it`,
    bytes: () => "there are bytes in it that are no UTF-8, and a configuration is",
    "long-command": () => "its command is longer than an argument vector may be: make it a script",
    "closes-nothing": () => "the doors that it closes are left out, too",
    views: () => `more than ${MAX_VIEWS} different combinations of tcpflags and target: let doors share some of them`,
    refused: ({ message }) => message,
}

/** Why a door is left out. */
export function leftText(left: LeftOut): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    const text = LEFT[left.left] as (left: LeftOut) => string
    return text(left)
}

/** What the rule asked for and no grant does. */
export function widerText({ by, name }: Wider): string {
    return by === "interface"
        ? `the rule was for interface ${name}; a grant holds on all of them.`
        : `the rule was for zone ${name}; a grant holds for all interfaces.`
}

type Opening = Extract<Deed, { plan: "open" }>

/** Where `hide` needs the operator's own rules to let in whom it judges. */
export function hideTexts({ admit }: Opening): readonly string[] {
    const first = "hide: refused to all without a grant. Where your own rules keep it closed, once Postern runs"
    return admit.length === 0
        ? [`${first} let everybody in.`]
        : [`${first}:`, ...admit.map((command) => `    ${command}`)]
}

/** Where the time of a grant comes from. */
export function timeText({ for: time }: Opening, stop: string | null): string {
    switch (time?.by) {
        case "stop":
            return `for: cmd_timeout, until the stop command (${stop ?? ""}). Connections that have begun live on.`
        case "sleep":
            return "for: the sleep between opening and closing. Connections that have begun live on."
        case "element":
            return "for: the timeout in the command. Connections that have begun live on."
        case undefined:
            return (
                "differs: a grant ends by itself; knockd's opening stayed until somebody closed it. Connections that have " +
                "begun live on, so that 30s is enough for one who connects at once; 7d is the most."
            )
    }
}

/** Where a door is for one family. */
export function familyText(one: "IPv4" | "IPv6", opens: boolean): string {
    const other = one === "IPv4" ? "IPv6" : "IPv4"
    const refused = opens ? ` differs: hide refuses ${other} too, and this door does not open it there.` : ""
    return `sources: knockd does not the same for ${other}.${refused}`
}

/** A name of ours that is not knockd's. */
export const RENAMED_TEXT = "name: no two doors have one name, and it is made of letters, digits, -, _ and . alone."

/** Doors that begin alike. */
export function alikeText(others: readonly string[]): string {
    return `differs: begins like ${others.join(", ")}; in knockd such doors disturb each other, here they do not.`
}

/** A time that had to be brought within our limits. */
export function cutText(key: string, seconds: number, ms: number): string {
    return `${key} = ${seconds}: ${formatDuration(ms)} is as near as it can be here.`
}

/** What is true of every imported file. */
export const HEAD: readonly string[] = [
    "Each line says where it comes from; `differs` says what will not be as it was, and `risk` what to mend, best before " +
        "the first knock. Read it, then: postern check FILE",
    "",
    "differs: a hit on any other port, services aside, spoils a knock that is under way. knockd overlooks ports of no " +
        "door, and so port scans open its doors. A slip costs one new try, and no source disturbs another.",
    "risk: a fixed sequence can be repeated by whoever has seen it on the wire, and be sent with a false source.",
]

/** Where there are grants. */
export const GRANTS_TEXT =
    "differs: ports are opened by grants in the kernel, and hidden by Postern itself (hide), after your own rules. Whom these " +
    "let in without a knock, such as a network of yours, needs one now, or a place in always. Whom they keep out no grant " +
    "lets in: where they keep a port closed, they have to let everybody in once Postern hides it, and not before " +
    "(postern-import(1), Changing over); a command for that is with each door."

/** Where a command may open what is hidden. */
export function shadowText(doors: readonly string[]): string {
    return `differs: ports hidden by ${doors.join(", ")} stay refused, whatever this command opens: give this door opens as well.`
}

/** What a file was that others could read. */
export function readableText(name: string): string {
    return (
        `risk: everybody on the host could read ${name} and the sequences in it: make new ones, and keep this file to ` +
        "yourself (chmod 600)."
    )
}

/** Where there are commands that stay commands. */
export const RIGHTS_TEXT =
    "differs: knockd runs commands as root; here they have the rights of the daemon, and the service is not root: " +
    "postern-run(1) says how it can be."

/** Of knockd's `AllowDuplicates`. */
export const DUPLICATES_TEXT =
    "differs: AllowDuplicates: the same hit again counts once here, too, but only for 1.5 s: later it spoils the knock."

/** Of a command for the beginning or the end of the daemon; `unit`: what systemd calls it. */
export function ownCommandText(key: string, command: string, unit: string): string {
    return (
        `differs: ${key}: ${command}: not taken over. What is hidden here is closed to strangers, whether the daemon ` +
        `runs or not; what else has to be run with it belongs into a drop-in of postern.service: ${unit}=+…`
    )
}

/** Of a door that rests after it was opened. */
export function cooldownText(seconds: number): string {
    return (
        `differs: seq_cooldown = ${seconds}: there is none here: another knock moves the end of what is open, and runs a ` +
        "start that has no stop again, once a second at most."
    )
}
