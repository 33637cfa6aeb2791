import type { Hit, Service } from "../core/knock/hit.ts"
import type { Target } from "../core/knock/plan.ts"

/** Sends hits and asks whether a service answers. Adapters: sockets, memory. */
export interface Knocker {
    /**
     * Can all these hits be sent to the target, as far as permissions and routes go? Sends nothing. Asked before the first
     * hit: half a knock opens nothing, and tells whoever listens the first half.
     */
    allowed(hits: readonly Hit[], target: Target): Promise<SendResult>
    /**
     * Sends one packet to the target; resolves as soon as it is on its way (or cannot be). It is never sent twice, and
     * no answer is waited for.
     */
    send(hit: Hit, target: Target): Promise<SendResult>
    /** Tries once to connect, for at most `ms` milliseconds or until it is cancelled; what connects is closed at once. */
    probe(service: Service, target: Target, ms: number, cancel: Cancel): Promise<ProbeResult>
    /** Closes what is open. Can be called twice. */
    close(): void
}

/** How sending went. `detail` is the system's word, such as `ENETUNREACH`. */
export type SendResult =
    | { readonly ok: true }
    | { readonly ok: false; readonly code: SendRefusal; readonly detail: string }

/** Why a packet could not be sent. */
export type SendRefusal =
    /** No way to this address: no route, or no such family on this host. */
    | "unreachable"
    /** The source address is not of this host. */
    | "source"
    /** The source port is in use. */
    | "source-port"
    /** Source ports below 1024 are not allowed to this user. */
    | "privileged-port"
    /** No such network interface. */
    | "interface"
    /** Echo requests are not allowed to this user, by no way there is. */
    | "echo-denied"
    /** Packets with these TCP flags are not allowed to this user. */
    | "raw-denied"
    /** The system forbids it otherwise, such as this host's own packet filter. */
    | "denied"
    /** Larger than this path lets through. */
    | "size"
    /** Anything else. */
    | "failed"

/** What a service said. */
export type ProbeResult = "open" | "refused" | "silent" | "unreachable" | "aborted"

/** The part of an AbortSignal that is used here. */
export type Cancel = {
    readonly aborted: boolean
    readonly addEventListener: (type: "abort", listener: () => void, options?: { readonly once?: boolean }) => void
    readonly removeEventListener: (type: "abort", listener: () => void) => void
}
