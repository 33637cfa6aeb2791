/** What is unwise about the commands of a knockd.conf. They are for the shell: only what can be seen from outside. */
import type { KnockdHost, PlacedDoor } from "./check.ts"

/** knockd's: what a command may be long when every %IP% is an address (bytes), and the longest address. */
const COMMAND_MOST = 4095
const ADDRESS_LONGEST = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".length

/** Programs that open a firewall, and those of them that know IPv4 alone. */
const FIREWALLS = /\b(?:ip6?tables|nft|ufw|firewall-cmd|ipset|shorewall)\b/
const IPV4_ALONE = /\biptables\b/

/** Several words, all in one pair of quotes: the shell looks for a program of this name. */
const QUOTED = /^(["'])[^"']*[\t ][^"']*\1$/

/** Every doubt about the commands of one door. */
export function checkCommands({ door, places, say }: PlacedDoor, { lacks }: KnockdHost): void {
    const { start, start6, stop, stop6, cmdTimeout } = door
    const stops = stop !== null || stop6 !== null
    if (start === null && start6 === null) {
        if (stops) say(stop === null ? "STOP_COMMAND_6" : "STOP_COMMAND", { code: "stop-without-start" })
        else say(null, { code: "no-command" })
    }
    if (start === "") say("START_COMMAND", { code: "empty-start" })
    if (stop === "") say("STOP_COMMAND", { code: "empty-stop" })
    if (!stops && places.has("CMD_TIMEOUT")) say("CMD_TIMEOUT", { code: "time-without-stop" })
    if (stops && cmdTimeout === 0) say("CMD_TIMEOUT", { code: "stop-at-once" })
    if (stops && cmdTimeout < 0) say("CMD_TIMEOUT", { code: "stop-never" })
    for (const [key, command] of [
        ["START_COMMAND", start],
        ["START_COMMAND_6", start6],
        ["STOP_COMMAND", stop],
        ["STOP_COMMAND_6", stop6],
    ] as const) {
        if (command === null || command === "") continue
        const tokens = command.split("%IP%").length - 1
        const meant = /%IP(?!%)|(?<!%)IP%|%ip%/i.test(command.replaceAll("%IP%", ""))
        if (meant) say(key, { code: "placeholder" })
        else if (tokens === 0 && key.startsWith("START") && FIREWALLS.test(command)) say(key, { code: "for-everyone" })
        const longest = command.length + tokens * (ADDRESS_LONGEST - "%IP%".length)
        if (longest > COMMAND_MOST) say(key, { code: "too-long-when-expanded" })
        if (QUOTED.test(command)) say(key, { code: "quoted" })
        const program = programOf(command)
        if (program !== null && lacks?.("program", program)) say(key, { code: "no-program" })
    }
    for (const [key, command, six] of [
        ["START_COMMAND", start, start6],
        ["STOP_COMMAND", stop, stop6],
    ] as const) {
        if (command !== null && six === null && IPV4_ALONE.test(command)) say(key, { code: "family" })
    }
}

/** The path that a command begins with, if it is one. */
export function programOf(command: string): string | null {
    return /^\/[^\s;|&<>()$`"'\\]+/.exec(command)?.[0] ?? null
}
