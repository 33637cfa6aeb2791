/** Does the daemon run, with this configuration, and what does it say of itself? */
import type { Status } from "../status.ts"
import type { Facts } from "./facts.ts"
import type { Finding } from "./finding.ts"

/** Units that must be started at boot, where they are installed: by what hides, and whether `grace` is set. */
function atBoot(config: Facts["config"]): readonly string[] {
    if (config?.gateway.firewall === "iptables") return ["postern.service", "postern-hide-iptables.service"]
    const grace = (config?.gateway.grace ?? null) === null ? [] : ["postern-grace.service"]
    return ["postern.service", "postern-hide.service", ...grace]
}

/** The doctor knows better: it sees what listens on loopback, too. */
const BETTER_KNOWN: readonly string[] = ["nothing-listens"]

/** What is wrong with configuration and daemon. */
export function examineDaemon({ config, issues, daemon, units }: Facts): Finding[] {
    const wanted = atBoot(config)
    const installed = (units ?? []).filter(({ name }) => wanted.includes(name))
    return [
        ...issues
            .filter(({ code }) => !BETTER_KNOWN.includes(code))
            .map(({ severity, file, line, column, path, message }): Finding => {
                const place = [line === 0 ? file : `${file}:${line}:${column}`, ...(path === "" ? [] : [path])].join(
                    ": ",
                )
                const worse = { error: "broken", warning: "unsafe", note: "note" } as const
                return { code: "configuration", severity: worse[severity], place, message }
            }),
        ...(daemon.runs === false
            ? [{ code: "daemon-absent", service: installed.some(({ name }) => name === "postern.service") } as const]
            : []),
        ...installed.flatMap(({ name, enabled }): Finding[] =>
            enabled ? [] : [{ code: "not-at-boot", unit: name.replace(/\.service$/, "") }],
        ),
        ...(daemon.runs === true && config !== null && daemon.changed
            ? [{ code: "configuration-newer" } as const]
            : []),
        ...(daemon.runs === true ? statusFindings(daemon.status) : []),
    ]
}

function statusFindings({ state, oneTime, publication, warnings, interfaces, table }: Status): Finding[] {
    const { journal, audit } = state
    const parts: readonly (readonly [string, string | null | undefined])[] = [
        ["the journal", journal?.trouble],
        ["the audit trail", audit?.trouble],
        ["one-time sequences open nothing", oneTime?.waitsFor],
        ["no bundles can be made", publication?.trouble],
    ]
    return [
        ...parts.flatMap(([part, trouble]): Finding[] => (trouble ? [{ code: "daemon-trouble", part, trouble }] : [])),
        ...(publication?.targets ?? []).flatMap(({ name, trouble, failures }): Finding[] =>
            trouble === null ? [] : [{ code: "target-fails", target: name, trouble, failures }],
        ),
        ...(table?.inPlace === false ? [{ code: "table-lost" } as const] : []),
        ...(interfaces !== null && interfaces.length === 0 ? [{ code: "watches-nothing" } as const] : []),
        ...warnings.map(({ level, text, times }): Finding => ({ code: "daemon-said", level, text, times })),
    ]
}
