/** A knocker that sends nothing and notes everything, and a gateway that answers as the test says. */
import type { Hit } from "../../core/knock/hit.ts"
import type { Target } from "../../core/knock/plan.ts"
import type { Knocker, ProbeResult, SendResult } from "../../ports/knocker.ts"

/** What a memory knocker noted, with its answers: what sending and asking give, by what was noted until then. */
export type MemoryKnocker = Knocker & { readonly sent: readonly { readonly hit: Hit; readonly target: Target }[] }

/** Answers are asked for anew each time; without them everything is sent and nothing answers. */
export function memoryKnocker(answers: {
    readonly allowed?: (hits: readonly Hit[], target: Target) => SendResult
    readonly send?: (hit: Hit, target: Target) => SendResult
    readonly probe?: (target: Target, sent: number, ms: number) => ProbeResult | Promise<ProbeResult>
}): MemoryKnocker {
    const sent: { readonly hit: Hit; readonly target: Target }[] = []
    return {
        sent,
        async allowed(hits, target) {
            return answers.allowed?.(hits, target) ?? { ok: true }
        },
        async send(hit, target) {
            const result = answers.send?.(hit, target) ?? { ok: true }
            if (result.ok) sent.push({ hit, target })
            return result
        },
        async probe(_service, target, ms, cancel) {
            return cancel.aborted ? "aborted" : ((await answers.probe?.(target, sent.length, ms)) ?? "refused")
        },
        close() {},
    }
}
