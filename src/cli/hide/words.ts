/** What the command lines of hide and unhide have in common. */
import type { Service } from "../../core/knock/hit.ts"
import { formatService, parseService } from "../../core/knock/language.ts"
import type { Terminal } from "../../voice/terminal.ts"

/** The service, or null after an error that has been told. */
export function serviceOf(text: string, terminal: Terminal): Service | null {
    const read = parseService(text)
    if (read.ok) return read.value
    terminal.error(`${text}: not a service`, "such as tcp/22 or udp/53")
    return null
}

/** What became of it, for scripts. */
export function tellResult(
    json: true | undefined,
    service: Service,
    result: "hidden" | "open" | "trial",
    facts: Readonly<Record<string, unknown>>,
    terminal: Terminal,
): void {
    if (json === true) terminal.out(JSON.stringify({ version: 1, service: formatService(service), result, ...facts }))
}
