/** Everything at once, for a little while: the short form of `make soak`. */
import { expect, it } from "vitest"
import { account as tell } from "../lab/account.ts"
import { soak } from "../lab/soak.ts"

it("twenty seconds of everything at once: no honest knock is lost, nothing stays open, nothing grows", async () => {
    const { broken, rows } = await soak({ seconds: 20, capture: "nflog", seed: 0 })
    const account = [...broken, ...rows.map(([name, figure]) => `${name}: ${figure}`)].join("\n")
    expect(broken, account).toEqual([])
    for (const [name, figure] of rows) tell(`${name}: ${figure}`)
    const figures = new Map(rows)
    expect(figures.get("… let in")).toBeGreaterThan(0)
    expect(figures.get("packets seen")).toBeGreaterThan(10_000)
})
