/**
 * A knocker in a process of its own, so that it can live in a namespace and under any user: a JSON line in, a JSON
 * line out, in order.
 */
import { createInterface } from "node:readline"
import type { KnockerOptions } from "../../src/adapters/knocker/options.ts"
import { socketKnocker } from "../../src/adapters/knocker/sockets.ts"
import type { Hit, Service } from "../../src/core/knock/hit.ts"
import type { Target } from "../../src/core/knock/plan.ts"

/** What the driver understands. `cancelAfter`: the probe is cancelled after so many milliseconds. */
export type Order =
    | {
          readonly do: "allowed"
          readonly options: KnockerOptions
          readonly hits: readonly Hit[]
          readonly target: Target
      }
    | { readonly do: "send"; readonly options: KnockerOptions; readonly hit: Hit; readonly target: Target }
    | {
          readonly do: "probe"
          readonly options: KnockerOptions
          readonly service: Service
          readonly target: Target
          readonly ms: number
          readonly cancelAfter?: number
      }

async function carryOut(order: Order): Promise<unknown> {
    const knocker = socketKnocker(order.options)
    if (order.do === "allowed") return knocker.allowed(order.hits, order.target)
    if (order.do === "send") return knocker.send(order.hit, order.target)
    const cancel = new AbortController()
    if (order.cancelAfter === 0) cancel.abort()
    else if (order.cancelAfter !== undefined) setTimeout(() => cancel.abort(), order.cancelAfter)
    return knocker.probe(order.service, order.target, order.ms, cancel.signal)
}

for await (const line of createInterface({ input: process.stdin })) {
    const order: Order = JSON.parse(line)
    process.stdout.write(`${JSON.stringify(await carryOut(order))}\n`)
}
