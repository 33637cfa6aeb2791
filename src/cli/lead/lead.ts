/** Listeners on loopback made such that granted sources can be led to them: once, or whenever there are new ones. */
import { setTimeout as pause } from "node:timers/promises"
import { type Listener, leadTo, listenersOf } from "../../adapters/services/listeners.ts"
import { EPERM, SystemError } from "../../adapters/system/errno.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { formatAddress } from "../../core/net/address.ts"
import { messageOf } from "../../core/thrown.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"

/** So often a service is looked for that does not listen yet, and, for as long as one follows, whether it does anew (ms). */
const [WAITING_MS, FOLLOWING_MS] = [50, 500]

/** Makes all listeners of now so, or no longer. Waits up to `patience` ms for the first. */
export async function leadOnce(service: Service, on: boolean, patience: number, terminal: Terminal): Promise<ExitCode> {
    const text = formatService(service)
    const deadline = performance.now() + patience
    let found = listenersOf(service)
    while (!found.some(({ inside }) => inside) && performance.now() < deadline) {
        await pause(WAITING_MS)
        found = listenersOf(service)
    }
    const [inside, outside] = [found.filter((one) => one.inside), found.filter((one) => !one.inside)]
    if (inside.length === 0) {
        terminal.error(
            outside.length === 0 ? `${text}: nothing listens there` : `${text}: listens outside, not on loopback`,
            "let the service listen on 127.0.0.1 and ::1 alone (sshd_config: ListenAddress), and start it again",
        )
        return EXIT.failed
    }
    for (const listener of inside) {
        const name = nameOf(service, listener)
        try {
            leadTo(listener, on)
        } catch (error) {
            const denied = error instanceof SystemError && error.errno === EPERM
            const hints = denied ? ["it takes root: the socket is another process's"] : []
            terminal.error(`${name}: ${messageOf(error)}`, ...hints)
            return denied ? EXIT.permission : EXIT.failed
        }
        terminal.out(`${name}: granted sources are ${on ? "" : "no longer "}led here`)
    }
    for (const { address } of outside) terminal.warn(...outsideText(text, address))
    return EXIT.ok
}

/** Makes every listener so as it comes, until SIGINT or SIGTERM. What goes wrong is told when it is new, and tried again. */
export async function follow(service: Service, terminal: Terminal): Promise<ExitCode> {
    const ended = new AbortController()
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort())
    const text = formatService(service)
    let told = new Set<string>()
    while (!ended.signal.aborted) {
        const wrong = new Map<string, readonly string[]>()
        for (const listener of listenersOf(service)) {
            const name = nameOf(service, listener)
            if (!listener.inside) {
                const [what, ...hints] = outsideText(text, listener.address)
                wrong.set(what, hints)
            } else if (listener.transparent !== true) {
                try {
                    leadTo(listener, true)
                    // A kernel that does not say what is transparent is asked for it each time.
                    if (listener.transparent === false) terminal.out(`${name}: granted sources are led here`)
                } catch (error) {
                    wrong.set(`${name}: ${messageOf(error)}`, [])
                }
            }
        }
        for (const [what, hints] of wrong) if (!told.has(what)) terminal.warn(what, ...hints)
        told = new Set(wrong.keys())
        await pause(FOLLOWING_MS, undefined, { signal: ended.signal }).catch(() => {})
    }
    return EXIT.ok
}

function nameOf(service: Service, { address, holders }: Listener): string {
    const by = holders[0] === undefined ? "" : `, ${holders[0].program}[${holders[0].pid}]`
    return `${formatService(service)} at ${formatAddress(address)}${by}`
}

function outsideText(text: string, address: Listener["address"]): [string, string] {
    return [
        `${text} listens at ${formatAddress(address)}, too: strangers are refused by the firewall as long as it does`,
        "let the service listen on 127.0.0.1 and ::1 alone",
    ]
}
