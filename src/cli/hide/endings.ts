/** Signals that end a command which must take something back first. */
import { EXIT, type ExitCode } from "../../voice/exit.ts"

/** One of them. */
export type Ending = "SIGINT" | "SIGTERM" | "SIGHUP"

/** The first of them that comes, from now until `stop`; none ends the process by itself meanwhile. */
export function endings(): { readonly signal: Promise<Ending>; readonly stop: () => void } {
    const stops: (() => void)[] = []
    const signal = new Promise<Ending>((resolve) => {
        for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
            const heard = () => resolve(name)
            process.on(name, heard)
            stops.push(() => process.off(name, heard))
        }
    })
    const stop = () => {
        for (const off of stops) off()
    }
    return { signal, stop }
}

/** The exit code of who was ended so. */
export function exitOf(signal: Ending): ExitCode {
    return signal === "SIGINT" ? EXIT.interrupted : EXIT.failed
}
