/** The sentences for a daemon that cannot be asked, or that refuses. */
import type { ControlFailure } from "../../adapters/control/client.ts"
import type { Reloaded } from "../../core/control/answer.ts"
import type { ControlCode, Refused } from "../../core/control/message.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"

/** What to tell, what to do about it, and how the command ends. */
export type Trouble = { readonly what: string; readonly hints: readonly string[]; readonly code: ExitCode }

/** There is no answer. `path`: of the socket. */
export function failureText({ code, detail }: ControlFailure, path: string): Trouble {
    switch (code) {
        case "absent":
            return failed(
                `no daemon listens at ${path}`,
                "is it running? its log says so if it could not make the socket",
                "name another place with --socket or $POSTERN_SOCKET",
            )
        case "forbidden":
            return {
                what: `no permission to ask the daemon at ${path}`,
                hints: ["run this as root, or as a member of `socket_group` (postern.toml(5))"],
                code: EXIT.permission,
            }
        case "silent":
            return failed("the daemon does not answer", "has it been stopped, or is the host overloaded?")
        case "broken":
            return failed(`the daemon ended the connection: ${detail}`, "it may have just stopped: try again")
    }
}

const REFUSALS: Readonly<Record<ControlCode, readonly [what: string, ...hints: string[]]>> = {
    "too-long": ["the daemon finds the question too long"],
    malformed: ["the daemon and this program do not understand each other", "are both of the same version?"],
    version: ["the daemon speaks another version", "restart it after an update, or update this program"],
    unknown: ["this daemon does not know the question", "restart it after an update"],
    busy: ["as many programs as may ask the daemon are asking it", "end a `postern watch` somewhere"],
    denied: ["the daemon does not answer this user", "run this as root, or as a member of `socket_group`"],
    door: ["there is no such door"],
    nothing: ["this door opens nothing and runs nothing, so there is nothing to grant"],
    source: ["the daemon does not take this for an address"],
    configuration: ["the configuration has errors: nothing was changed"],
    for: ["the daemon does not take this for a time that a grant can have"],
    service: [
        "no door of the running daemon opens this service",
        "postern status shows them; postern reload after a change",
    ],
    hidden: ["it is hidden already", "postern status shows what is"],
    grants: ["as many grants are open as `grants` allows", "revoke some, or raise it in [gateway]"],
    firewall: ["the kernel refused", "the daemon's log says why; try again in a second"],
    audit: ["the daemon keeps no audit trail", "see `audit` in [gateway], and the daemon's log"],
    journal: ["the daemon keeps no journal", "no door needs one: nothing is refused for it"],
    bundles: ["the daemon publishes no bundles", "docs/one-time.md says what it takes"],
    failed: ["the daemon could not do it"],
}

/** The answer is no. */
export function refusalText({ code, detail }: Refused): Trouble {
    const [what, ...hints] = REFUSALS[code]
    // Its problems are lines of their own.
    if (code === "configuration") return { what, hints, code: EXIT.configuration }
    const trouble = failed(detail === "" || code === "door" ? what : `${what}: ${detail}`, ...hints)
    if (code === "door") return { ...trouble, hints: [`there are: ${detail}`] }
    return code === "denied" ? { ...trouble, code: EXIT.permission } : trouble
}

function failed(what: string, ...hints: readonly string[]): Trouble {
    return { what, hints, code: EXIT.failed }
}

/** What a reload has changed: a line for each kind of change, or that there was none. */
export function reloadLines({ added, removed, changed, totals, hooks, knockers, gateway, ended }: Reloaded): string[] {
    const same = totals.added + totals.removed + totals.changed === 0
    return [
        ...list("added", added, totals.added),
        ...list("removed", removed, totals.removed),
        ...list("changed", changed, totals.changed),
        ...list("hooks added", hooks.added),
        ...list("hooks removed", hooks.removed),
        ...list("hooks changed", hooks.changed),
        ...list("knockers added", knockers.added, knockers.totals.added),
        ...list("knockers removed", knockers.removed, knockers.totals.removed),
        ...list("knockers changed", knockers.changed, knockers.totals.changed),
        ...list("[gateway] changed", gateway),
        `${totals.kept} ${totals.kept === 1 ? "door is" : "doors are"} as ${totals.kept === 1 ? "it was" : "they were"}${same ? ", and no other is there" : ""}`,
        ...(ended === 0 ? [] : [`ended: ${ended === 1 ? "1 grant" : `${ended} grants`}`]),
    ]
}

function list(what: string, names: readonly string[], total = names.length): string[] {
    const more = total > names.length ? `, and ${total - names.length} more` : ""
    return total === 0 ? [] : [`${what}: ${names.join(", ")}${more}`]
}
