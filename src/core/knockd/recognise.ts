/** Which of the two a configuration is: a knockd.conf, or a TOML file of ours. */
import { trimmed, upper } from "./text.ts"

/** Keys that no table of ours has with such a value. */
const TELLING =
    /^(?:SEQUENCE|ONE_TIME_SEQUENCES|SEQ_TIMEOUT|TCPFLAGS|(?:START_|STOP_)?COMMAND(?:_6)?|CMD_TIMEOUT|PIDFILE|LOGFILE)$/

/**
 * Is this file one for knockd? By its name, where that tells: `*.toml` is not, `knockd*.conf` is. Else by what is in it:
 * a section and a directive of knockd's in any line.
 */
export function isKnockdConf(path: string, text: string): boolean {
    const name = path.slice(path.lastIndexOf("/") + 1)
    if (name.endsWith(".toml")) return false
    if (/^knockd\b.*\.conf\b/.test(name)) return true
    const lines = text.split("\n").map(trimmed)
    return lines.some((line) => /^\[[^[\]]+\]$/.test(line)) && lines.some(isDirective)
}

function isDirective(line: string): boolean {
    const equals = line.indexOf("=")
    if (equals < 0) return upper(line) === "USESYSLOG"
    // TOML quotes its texts, and has its lists and tables in brackets.
    return TELLING.test(upper(trimmed(line.slice(0, equals)))) && !/^["'[{]/.test(trimmed(line.slice(equals + 1)))
}
