/** knockd's [options] as [gateway]: keys with the reason for each, and reasons for what is not needed. */
import { LIMITS } from "../../config/defaults.ts"
import type { KnockdOptions } from "../conf.ts"
import { readInterfaces } from "../interfaces.ts"
import { DUPLICATES_TEXT, ownCommandText } from "./texts.ts"
import { tomlList, unicode } from "./writing.ts"

/** Lines, each with what is said about it; null: there is none, and that is what is said. */
export type Gateway = readonly { readonly line: string | null; readonly comment: string }[]

function gone(comment: string): Gateway {
    return [{ line: null, comment }]
}

/** What becomes of the options. */
export function gatewayOf(options: KnockdOptions): Gateway {
    const { interface: named, useSyslog, logFile, pidFile, strict, allowDuplicates, onStart, onStop } = options
    return [
        interfaces(named),
        ...(useSyslog
            ? gone("UseSyslog: the log goes to standard error, which systemd keeps: journalctl -u postern.")
            : []),
        ...(logFile === null
            ? []
            : gone(
                  `LogFile: ${unicode(logFile) ?? "…"}: as UseSyslog; who was let in is kept beside, for postern log.`,
              )),
        ...(pidFile === null
            ? []
            : gone("PidFile: not needed: postern status asks the daemon, postern reload tells it.")),
        ...(strict ? gone("Strict: every door is.") : []),
        ...(allowDuplicates ? gone(DUPLICATES_TEXT) : []),
        ...ownCommand("On_Start", onStart, "ExecStartPost"),
        ...ownCommand("On_Stop", onStop, "ExecStopPost"),
    ]
}

function ownCommand(key: string, command: string | null, unit: string): Gateway {
    return command === null || command === "" ? [] : gone(ownCommandText(key, unicode(command) ?? "…", unit))
}

function interfaces(named: string | null): Gateway[number] {
    if (named === null || named === "") {
        const comment =
            "interfaces: none was named, and knockd then takes eth0, or what its -i says (on Debian KNOCKD_OPTS in " +
            "/etc/default/knockd). auto: those of the default routes."
        return { line: 'interfaces = "auto"', comment }
    }
    const reading = readInterfaces(named)
    if (reading.ok && typeof reading.interfaces === "string")
        return { line: `interfaces = "${reading.interfaces}"`, comment: "interfaces: Interface." }
    const names = reading.ok && typeof reading.interfaces !== "string" ? reading.interfaces : []
    const known = names.filter((name) => /^(?!\.\.?$|auto$|any$)[\w.:@-]{1,15}$/.test(name))
    if (known.length === 0 || known.length < names.length || known.length > LIMITS.interfaces[1]) {
        const comment = "interfaces: what Interface names cannot be an interface. auto: those of the default routes."
        return { line: 'interfaces = "auto"', comment }
    }
    return { line: `interfaces = ${tomlList(known)}`, comment: "interfaces: Interface; it may come and go." }
}
