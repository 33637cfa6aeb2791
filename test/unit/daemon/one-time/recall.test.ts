import { describe, expect, it } from "vitest"
import { memoryAudit } from "../../../../src/adapters/audit/memory.ts"
import type { AuditFact } from "../../../../src/core/audit/entry.ts"
import { recallUses } from "../../../../src/daemon/one-time/recall.ts"

const who = { door: "ssh", source: "192.0.2.7" }
const opened = (knocker: string, door = "ssh"): AuditFact => ({
    what: "opened",
    ...who,
    door,
    knocker,
    opens: ["tcp/22"],
    until: 0,
})
const refused = (knocker: string, code: string): AuditFact => ({ what: "refused", ...who, knocker, code })

describe("recallUses()", () => {
    it("finds when each last used a sequence of each door, the latest at the end", async () => {
        const audit = memoryAudit(() => 0)
        const facts = [
            opened("anna"),
            opened("bert"),
            opened("anna", "web"),
            opened("unknown"),
            refused("carl", "grants"),
            refused("dora", "used"),
            refused("dora", "state"),
            opened("anna"),
        ]
        for (const [i, fact] of facts.entries()) audit.write(fact, 1000 + i)
        expect(await recallUses(audit)).toEqual([
            { knocker: "bert", door: "ssh", at: 1001 },
            { knocker: "anna", door: "web", at: 1002 },
            { knocker: "carl", door: "ssh", at: 1004 },
            { knocker: "anna", door: "ssh", at: 1007 },
        ])
    })

    it("reads page after page, and says so if that fails", async () => {
        const audit = memoryAudit(() => 0)
        const pages: number[] = []
        for (let i = 0; i < 5; i++) audit.write(opened("anna"), i)
        const slow = {
            async read(query: Parameters<typeof audit.read>[0]) {
                pages.push(query.after)
                const { entries } = await audit.read(query)
                const one = entries.slice(0, 1)
                return { entries: one, next: one[0]?.serial ?? 0, more: entries.length > 1, missing: 0 }
            },
        }
        expect(await recallUses(slow)).toEqual([{ knocker: "anna", door: "ssh", at: 4 }])
        expect(pages).toEqual([0, 1, 2, 3, 4])
        await expect(recallUses({ read: () => Promise.reject(new Error("EIO")) })).rejects.toThrow("EIO")
    })
})
