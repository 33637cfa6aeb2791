import { expect, it } from "vitest"
import { Ledger } from "../../../../src/core/store/ledger.ts"

it("Ledger.records() has what it had when the first was asked for, also if claims are forgotten meanwhile", () => {
    const [before, after] = [new Ledger(), new Ledger()]
    before.fold({ type: "trust", since: 1, why: "new" })
    const ids = ["a", "b", "c"]
    for (const [n, id] of ids.entries()) before.fold({ type: "claim", id, until: 10 + n })
    let records = 0
    for (const record of before.records()) {
        if (records++ === 0) before.forget(11)
        after.fold(record)
    }
    for (const ledger of [before, after]) {
        const answers = ids.map((id) => ledger.claim(id, 5, 11, 5))
        expect(answers.every((answer) => "refused" in answer)).toBe(true)
    }
    expect([before.facts().claims, after.facts().claims]).toEqual([1, 3])
})
