/** What all ways of sending have in common. */
import type { SendRefusal, SendResult } from "../../ports/knocker.ts"

/** The knocker's choices; null leaves them to the system. */
export type KnockerOptions = {
    /** Source address, as text. Targets of the other family cannot be reached with it. */
    readonly source: string | null
    readonly sourcePort: number | null
    /** Network interface that packets leave by. */
    readonly interface: string | null
    /** TCP flag byte of the hits. SYN alone is sent by connecting, anything else needs a raw socket. */
    readonly flags: number
}

const CODES: Readonly<Record<string, SendRefusal>> = {
    ENETUNREACH: "unreachable",
    EHOSTUNREACH: "unreachable",
    ENETDOWN: "unreachable",
    EAFNOSUPPORT: "unreachable",
    EADDRNOTAVAIL: "source",
    EADDRINUSE: "source-port",
    ENODEV: "interface",
    EPERM: "denied",
    EACCES: "denied",
    EMSGSIZE: "size",
}

/** What an error of the system means for a sender, who wanted this source port. */
export function refusal(error: string, sourcePort: number | null = null): SendResult {
    const privileged = error === "EACCES" && sourcePort !== null && sourcePort < 1024
    return { ok: false, code: privileged ? "privileged-port" : (CODES[error] ?? "failed"), detail: error }
}

/** The code of an error that Node reports; for a wrong argument the whole message, which says more. */
export function errorName(error: Error): string {
    const code = "code" in error && typeof error.code === "string" ? error.code : "EINVAL"
    return code === "EINVAL" ? error.message : code
}
