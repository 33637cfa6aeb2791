/** The command line of `postern scan` as values, or what is wrong with it. */
import type { Service } from "../../core/knock/hit.ts"
import { formatService, parseDuration, parseService } from "../../core/knock/language.ts"

/** As commander hands them over. */
export type RawOptions = {
    readonly port?: string
    readonly closed?: string
    readonly ipv4?: true
    readonly ipv6?: true
    readonly rounds?: string
    readonly wait?: string
    readonly spoof: boolean
    readonly pace: boolean
    readonly timing?: true
    readonly json?: true
    readonly verbose?: true
}

/** What is asked for. */
export type Request = {
    readonly service: Service
    /** Null: to be looked for. */
    readonly closed: readonly [number, number] | null
    readonly families: readonly (4 | 6)[]
    readonly rounds: number
    /** Milliseconds; null: as long as the way is. */
    readonly wait: number | null
}

type Wrong = readonly [what: string, hint: string]

const ROUNDS = 2
const MOST_ROUNDS = 100

/** Reads the options. */
export function readRequest(options: RawOptions): Request | { readonly wrong: Wrong } {
    const service = parseService(options.port ?? "tcp/22")
    if (!service.ok) return wrong(`--port ${options.port}: not a service`, "as in tcp/22 or udp/51820")
    const closed = options.closed === undefined ? null : readClosed(options.closed, service.value)
    if (closed !== null && "wrong" in closed) return closed
    const rounds = options.rounds === undefined ? ROUNDS : Number(options.rounds)
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
        return wrong(`--rounds ${options.rounds}: not a number of rounds`, `from 1 to ${MOST_ROUNDS}`)
    const wait = options.wait === undefined ? null : parseDuration(options.wait)
    if (wait !== null && (!wait.ok || wait.value < 1))
        return wrong(`--wait ${options.wait}: not a time to wait`, "as in 25ms or 1s")
    if (options.timing === true && service.value.protocol === "udp")
        return wrong("--timing: TCP only", "answers about UDP ports come by ICMP, which hosts ration")
    const families =
        options.ipv4 === options.ipv6 ? ([4, 6] as const) : options.ipv4 === true ? [4 as const] : [6 as const]
    return { service: service.value, closed, families, rounds, wait: wait?.ok === true ? wait.value : null }
}

function readClosed(text: string, service: Service): readonly [number, number] | { readonly wrong: Wrong } {
    const all = text.split(",").map((one) => parseService(one.trim()))
    const ports = all.flatMap((one) => (one.ok && one.value.protocol === service.protocol ? [one.value.port] : []))
    const [first, second] = ports
    const good = all.length === 2 && first !== undefined && second !== undefined && first !== second
    if (good && !ports.includes(service.port)) return [first, second]
    const { protocol, port } = service
    const example = [port + 1, port + 2].map((closed) => formatService({ protocol, port: closed }))
    return wrong(`--closed ${text}: not two other ports of ${protocol}`, `as in ${example.join(",")}`)
}

function wrong(what: string, hint: string): { readonly wrong: Wrong } {
    return { wrong: [what, hint] }
}
