import { expect, test } from "vitest"
import { localQueue } from "../../../src/cli/knock/queue.ts"

const address = (name: string) => `test-${process.pid}-${name}`
const { signal } = new AbortController()

test("localQueue(): one at a time at an address, those behind hear that they have waited", async () => {
    const order: string[] = []
    const run = async (name: string, addresses: readonly string[]) => {
        const turn = await localQueue(addresses.map(address), signal)
        order.push(name)
        await new Promise((resolve) => setImmediate(resolve))
        order.push(name)
        turn.end()
        turn.end()
        return turn.waited
    }
    const first = await localQueue([address("a")], signal)
    const others = [run("one", ["a", "b"]), run("two", ["b", "a"]), run("three", ["a"])]
    expect(await run("elsewhere", ["c"])).toBe(false)
    first.end()
    expect(await Promise.all(others)).toEqual([true, true, true])
    expect(order.slice(0, 2)).toEqual(["elsewhere", "elsewhere"])
    for (let n = 2; n < order.length; n += 2) expect(order[n]).toBe(order[n + 1])
    expect(await run("later", ["a"])).toBe(false)
})

test("localQueue(): waits no longer when it is interrupted", async () => {
    const first = await localQueue([address("d")], signal)
    const stop = new AbortController()
    const second = localQueue([address("d")], stop.signal)
    stop.abort()
    expect((await second).waited).toBe(true)
    first.end()
})
