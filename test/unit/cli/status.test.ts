/** What `postern status` prints of those who have one-time sequences. */
import { describe, expect, it } from "vitest"
import { statusLines } from "../../../src/cli/texts/status.ts"
import type { Status } from "../../../src/core/status.ts"

const NOW = 1_700_000_000_000
type Member = NonNullable<Status["oneTime"]>["members"][number]
const anna: Member = { knocker: "anna", door: "ssh", next: 3, left: 10, used: NOW - 90_000, published: NOW - 89_000 }

function lines(members: readonly Member[], total: number, last: { made: number } | null): string[] {
    const all = statusLines({
        pid: 1,
        now: NOW,
        started: NOW,
        loaded: NOW,
        capture: "nflog",
        interfaces: null,
        offered: [],
        table: { by: "nftables", inPlace: true, leads: true },
        doors: [],
        attempts: [],
        grants: [],
        totals: { doors: 0, attempts: 0, grants: 0, grantsRoom: 1, sources: 0, sourcesRoom: 1 },
        counters: { delivered: 0, dropped: 0, hits: 0, repeats: 0, ignored: 0, turnedAway: 0 },
        state: { directory: "/s", journal: null, audit: null },
        oneTime: { waitsFor: null, knockers: 2, sequences: 20, members: [...members], total },
        publication: { trouble: null, last: last && { serial: 1, files: 1, took: 1, ...last }, targets: [] },
        warnings: [],
    })
    const at = all.indexOf("knockers")
    return at < 0 ? [] : all.slice(at + 1, all.indexOf("", at))
}

describe("statusLines()", () => {
    it("says of each knocker what is left, when one was used and when it was published", () => {
        const bert = { ...anna, knocker: "bert", next: 7, left: 9, used: null, published: null }
        const carl = { ...bert, knocker: "carl", next: 0 }
        expect(lines([anna, bert, carl], 5, { made: NOW - 89_000 })).toEqual([
            "  anna  ssh  10 left  used 1m30s ago      published 1m29s ago",
            "  bert  ssh  9 left   last use not known  in no published file",
            "  carl  ssh  9 left   never used          in no published file",
            "  and more: 5 in all",
        ])
        expect(lines([carl], 1, null)).toEqual(["  carl  ssh  9 left  never used  not published since the start"])
        expect(lines([], 0, null)).toEqual([])
    })
})
