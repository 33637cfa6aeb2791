import { expect, it } from "vitest"
import { Teller } from "../../../src/daemon/told.ts"

const make = () => {
    const lines: string[] = []
    const teller = new Teller((level, text) => lines.push(`${level} ${text}`), [({ type }) => lines.push(type)])
    return { teller, lines }
}

it("Teller tells what an act has to say after it, in its order, with what acts within it say", () => {
    const { teller, lines } = make()
    teller.tell("info", "before")
    teller.afterwards(() => {
        teller.tell("info", "one")
        teller.afterwards(() => teller.report({ type: "table", made: true }))
        teller.tell("info", "two")
        expect(lines).toEqual(["info before"])
    })
    expect(lines).toEqual(["info before", "info one", "table", "info two"])
})

it("Teller falls silent after no mistake", () => {
    const { teller, lines } = make()
    const act = () =>
        teller.afterwards(() => {
            teller.tell("info", "so far")
            throw new Error("a mistake of ours")
        })
    expect(act).toThrow("a mistake of ours")
    teller.tell("info", "goes on")
    expect(lines).toEqual(["info so far", "info goes on"])
})
