/** Sends every probe to the port and to two closed ones, side by side, and compares what comes back. */
import { randomInt } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import type { Wire } from "../../adapters/wire/wire.ts"
import { battery } from "../../core/scan/battery.ts"
import { compare, settle, type Verdict } from "../../core/scan/compare.ts"
import type { Ends } from "../../core/scan/ends.ts"
import type { Finding } from "../../core/scan/finding.ts"
import { normalise, type Reply } from "../../core/scan/normalise.ts"
import { type Probe, probe } from "../../core/scan/probe.ts"
import { Ration } from "../../core/scan/ration.ts"
import { type Shot, shoot } from "../../core/scan/shoot.ts"
import { segment } from "../../core/scan/tcp-probes.ts"
import { endsFrom, type Plan } from "./plan.ts"

/** Ports for the flow labels. */
const LABELS = 60
/** From here comes a SYN behind each probe; no probe has this port. */
const FENCE_PORT = 60_999
/** Milliseconds for its answer: far more than it takes, because a lost one costs only this. */
const FENCE_MS = 400

const SYN_PROBE = probe("flags", "SYN", { body: segment() })

/** Probes that can be sent, and those that cannot. */
export function choose({ way, service, spoof }: Plan): {
    readonly sent: readonly Probe[]
    readonly left: readonly Probe[]
} {
    const can = ({ needs }: Probe) => needs === "nothing" || (way.onLink !== null && (needs === "link" || spoof))
    const all = battery(way.family, service.protocol)
    return { sent: all.filter(can), left: all.filter((one) => !can(one)) }
}

/** `icmp`: by an ICMP error. */
type Asked = "open" | "closed" | "icmp" | "silent"

/** One look over one family. */
export class Look {
    readonly #wire: Wire
    readonly #plan: Plan
    readonly #next: () => (port: number) => Ends
    readonly #ration = new Ration()
    /** What comes back of a SYN to a closed port. */
    #closed: Asked = "silent"

    constructor(wire: Wire, plan: Plan) {
        this.#wire = wire
        this.#plan = plan
        this.#next = endsFrom(plan, randomInt)
    }

    /**
     * Sends all probes. `done` is called after each; `slow` before, with how many seconds it takes, where the host
     * rejects by ICMP, all ports alike, and rations that.
     */
    async run(probes: readonly Probe[], done: () => void, slow: (seconds: number) => void): Promise<Finding[]> {
        const findings: Finding[] = []
        this.#closed = await this.ask(this.#plan.closed[0])
        if (this.#closed === "icmp" && this.#plan.pace) slow(probes.length * this.#plan.rounds * 3)
        for (const one of probes) {
            let verdict: Verdict = { type: "same", answered: false }
            for (let round = 0; round < this.#plan.rounds && verdict.type === "same"; round++) {
                const seen = await this.#settle(one)
                verdict = seen.type === "same" && verdict.answered ? verdict : seen
            }
            findings.push({ probe: one, verdict })
            done()
        }
        return findings
    }

    /** How a port answers a SYN. */
    async ask(port: number): Promise<Asked> {
        const [first] = await this.#fire(SYN_PROBE, this.#next()(port), PATIENT)
        if (first === undefined) return "silent"
        if (first.summary === "tcp SA") return "open"
        return first.summary.startsWith("tcp") ? "closed" : "icmp"
    }

    /**
     * IPv6: closed ports whose resets carry the flow label of this port's, for the same source port. The kernel makes
     * labels of addresses and ports, so no two ports have the same, but where another port answers for this one.
     */
    async sharedLabels(): Promise<number[]> {
        const { service, closed } = this.#plan
        const ports = [...closed, ...Array.from({ length: LABELS }, (_, index) => index + 1)]
        const others = ports.filter((port) => port !== service.port)
        const shared = new Map<number, number>()
        for (let time = 0; time < 2; time++) {
            const labels = await this.#labels([service.port, ...others])
            const ours = labels.get(service.port)
            for (const port of others)
                if (ours !== undefined && labels.get(port) === ours) shared.set(port, (shared.get(port) ?? 0) + 1)
        }
        // Twice: that two labels are the same by chance happens once in a million.
        return [...shared].filter(([, times]) => times === 2).map(([port]) => port)
    }

    async #labels(ports: readonly number[]): Promise<Map<number, number>> {
        const ends = this.#next()
        const { sourcePort } = ends(0)
        const labels = new Map<number, number>()
        const stop = this.#wire.listen((frame) => {
            const bytes = frame.subarray(this.#plan.way.link === null ? 0 : 14)
            const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
            const reset = bytes.length >= 60 && bytes[0]! >>> 4 === 6 && bytes[6] === 6 && (bytes[53]! & 4) !== 0
            if (reset && view.getUint16(42) === sourcePort) labels.set(view.getUint16(40), view.getUint32(0) & 0xfffff)
        })
        for (const port of ports) this.#send(shoot(SYN_PROBE, ends(port)))
        await pause(this.#plan.wait * PATIENT)
        this.#wire.drain()
        stop()
        return labels
    }

    /** One probe, until it is settled; longer each time. */
    async #settle(one: Probe): Promise<Verdict> {
        const tries: Verdict[] = []
        for (;;) {
            tries.push(await this.#compare(one, tries.length + 1))
            const settled = settle(tries)
            if (settled !== null) return settled
        }
    }

    async #compare(one: Probe, time: number): Promise<Verdict> {
        const { service, closed } = this.#plan
        const ends = this.#next()
        const ports = [service.port, ...closed]
        const replies: Reply[][] = [[], [], []]
        for (const index of shuffled([0, 1, 2])) {
            if (this.#plan.pace && (one.rationed || this.#closed === "icmp")) await this.#rest()
            replies[index] = await this.#fire(one, ends(ports[index]!), time)
        }
        return compare({ here: replies[0]!, closed: [replies[1]!, replies[2]!] })
    }

    /** Sends one probe, and gives what comes back within `patience` times the wait. */
    async #fire(one: Probe, ends: Ends, patience: number): Promise<Reply[]> {
        const shot = shoot(one, ends)
        const replies: Reply[] = []
        // What is late for the one before.
        this.#wire.drain()
        const stop = this.#wire.listen((frame) => {
            const reply = normalise(frame, shot)
            if (reply !== null) replies.push(reply)
        })
        this.#send(shot)
        if (this.#closed !== "closed" || !(await this.#fence())) await pause(this.#plan.wait * patience)
        this.#wire.drain()
        stop()
        this.#ration.take(replies.filter(({ summary }) => summary.startsWith("icmp")).length, performance.now())
        return replies
    }

    /**
     * Sends a SYN to a closed port and waits until it is answered: what a host answers at once to packets before it has
     * come by then, however slow the way and however busy both ends. False: no answer.
     */
    async #fence(): Promise<boolean> {
        const { closed, way } = this.#plan
        const ends = { ...this.#next()(closed[0]), sourcePort: FENCE_PORT }
        const shot = shoot(SYN_PROBE, ends)
        const inTime = await new Promise<boolean>((resolve) => {
            const end = (answered: boolean) => {
                clearTimeout(late)
                stop()
                resolve(answered)
            }
            const late = setTimeout(() => end(false), FENCE_MS)
            const stop = this.#wire.listen((frame) => {
                if (normalise(frame, shot) !== null) end(true)
            })
            this.#send(shot)
        })
        // A network card with several queues may let one packet overtake another.
        if (inTime) await pause(1 + (way.roundTrip ?? 0))
        return inTime
    }

    #send(shot: Shot): void {
        for (const frame of shot.frames) this.#wire.send(frame)
    }

    async #rest(): Promise<void> {
        for (let ms = this.#ration.wait(performance.now()); ms > 0; ms = this.#ration.wait(performance.now()))
            await pause(ms)
    }
}

/** Times the wait, where one answer decides. */
const PATIENT = 4

function shuffled<T>(values: readonly T[]): T[] {
    const rest = [...values]
    return values.map(() => rest.splice(randomInt(rest.length), 1)[0]!)
}
