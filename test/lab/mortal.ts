/** Ports that kill the process at the n-th moment of their use: before and after each call, either way. */
import { writeSync } from "node:fs"

/** Wraps ports of one process. */
export type Mortality = {
    /** The same port; `name` says which in the name of its moments. */
    readonly wrap: <T extends object>(name: string, port: T) => T
    /** A part of the life ends and another begins: its moments are counted from 1. */
    readonly enter: (part: string) => void
    /** How many moments each part had until now. */
    readonly moments: () => readonly (readonly [part: string, moments: number])[]
}

/** Dies by SIGKILL at moment `at` of a part, from 1, and prints `died before|after NAME` then; 0: never. */
export function mortality(part: string, at: number): Mortality {
    const parts = new Map<string, number>()
    let current = ""
    const moment = (name: string) => {
        const moments = (parts.get(current) ?? 0) + 1
        parts.set(current, moments)
        if (current !== part || moments !== at) return
        writeSync(1, `died ${name}\n`)
        process.kill(process.pid, "SIGKILL")
    }
    const around = (name: string, call: (...args: unknown[]) => unknown) =>
        function (this: unknown, ...args: unknown[]): unknown {
            moment(`before ${name}`)
            const result = call.apply(
                this,
                args.map((arg) => backWards(name, arg)),
            )
            moment(`after ${name}`)
            if (!(result instanceof Promise)) return result
            return result.then((value: unknown) => {
                moment(`after answer of ${name}`)
                return value
            })
        }
    /** Calls that come back: a function, or an object of functions, that was handed over. */
    const backWards = (name: string, arg: unknown): unknown => {
        if (isFunction(arg)) return around(`${name} calls back`, arg)
        if (typeof arg !== "object" || arg === null || Array.isArray(arg)) return arg
        return Object.values(arg).some(isFunction) ? wrap(name, arg) : arg
    }
    const wrap = <T extends object>(name: string, port: T): T =>
        new Proxy(port, {
            get(target, key) {
                const value: unknown = Reflect.get(target, key, target)
                if (!isFunction(value)) return value
                return around(`${name}.${String(key)}`, value.bind(target))
            },
        })
    const enter = (next: string) => {
        current = next
    }
    return { wrap, enter, moments: () => [...parts] }
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
    return typeof value === "function"
}
