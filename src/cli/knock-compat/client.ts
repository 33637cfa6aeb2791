/** Sends a knock as knock does: each packet once, nothing waited for but the delay. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Knocker, SendResult } from "../../ports/knocker.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import { NO_SOCKET, unresolvedText, unsentText } from "../texts/knock-compat.ts"
import type { Knock } from "./request.ts"
import { resolve } from "./resolve.ts"

/** Where lines go. */
export type Speaker = { readonly out: (line: string) => void; readonly error: (line: string) => void }

/** What socket(2) itself answers: there knock gives up. What connect(2) and sendto(2) answer, it does not look at. */
const SOCKET_ERRORS = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EAFNOSUPPORT", "EPROTONOSUPPORT"]

/**
 * Sends it. Fails where knock fails: the host is not found, or no socket can be had. What has no way is told and is no
 * failure, because scripts that go on then are many.
 */
export async function send(knock: Knock, knocker: Knocker, { out, error }: Speaker): Promise<ExitCode> {
    const place = await resolve(knock.host, knock.family)
    if ("reason" in place) {
        error(unresolvedText(knock.host, knock.ports[0]!.word, place.reason))
        return EXIT.failed
    }
    const unsent = new Map<string, number>()
    for (const { word, hit } of knock.ports) {
        const failure = failureOf(await knocker.send(hit, place.target))
        if (failure !== null && SOCKET_ERRORS.includes(failure)) {
            error(NO_SOCKET)
            return EXIT.failed
        }
        if (knock.verbose) out(`hitting ${hit.protocol} ${place.shown}:${word}`)
        if (failure !== null) unsent.set(failure, (unsent.get(failure) ?? 0) + 1)
        if (knock.delay > 0) await sleep(knock.delay)
    }
    for (const [detail, count] of unsent) error(unsentText(count, knock.ports.length, place.shown, detail))
    return EXIT.ok
}

/** The system's word for it: Node sometimes puts it into a sentence. */
function failureOf(result: SendResult): string | null {
    return result.ok ? null : (/\bE[A-Z]+\b/.exec(result.detail)?.[0] ?? result.detail)
}
