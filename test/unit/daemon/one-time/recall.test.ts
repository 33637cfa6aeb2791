import { describe, expect, it } from "vitest"
import { memoryAudit } from "../../../../src/adapters/audit/memory.ts"
import type { AuditFact } from "../../../../src/core/audit/entry.ts"
import { recallOnce, recallUses } from "../../../../src/daemon/one-time/recall.ts"

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

describe("recallOnce()", () => {
    it("recalls when bundles come, at the start or by a reload, and never again", async () => {
        const audit = memoryAudit(() => 0)
        audit.write(opened("anna"), 7)
        const bundles = { users: "", gateway: "gw", url: "", lifetime: 1, every: 1, files: 0, publish: [] }
        let recalled = 0
        await new Promise<void>((resolve) => {
            const take = recallOnce(audit, (uses) => {
                recalled += uses.length
                resolve()
            })
            take({ bundles: null })
            take({ bundles })
            take({ bundles })
        })
        await new Promise((resolve) => setImmediate(resolve))
        expect(recalled).toBe(1)
        recallOnce(null, () => recalled++)({ bundles })
        expect(recalled).toBe(1)
    })
})
