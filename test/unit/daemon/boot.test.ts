/** The files that hide when the host starts, on a disk that does not always take them. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type BootKeeper, bootKeeper } from "../../../src/daemon/boot.ts"
import { ruleset } from "../../lab/rulesets.ts"

const NFT = { name: "nftables", leads: () => true } as const

describe("bootKeeper()", () => {
    let place = ""
    let state = ""
    let said: string[] = []
    let keeper: BootKeeper

    beforeEach(() => {
        place = mkdtempSync(join(tmpdir(), "postern-boot-"))
        state = join(place, "state")
        said = []
        keeper = bootKeeper(state, NFT, (level, text) => said.push(`${level} ${text}`), 1)
    })

    afterEach(async () => {
        await keeper.stop()
        rmSync(place, { recursive: true, force: true })
    })

    it("writes what hides, and takes it away when nothing does", async () => {
        keeper.made(ruleset({ hidden: ["tcp/22"] }))
        keeper.made(ruleset({ hidden: ["tcp/22", "tcp/80"] }))
        await keeper.stop()
        expect(readdirSync(state)).toEqual(["hide.nft"])
        expect(readFileSync(join(state, "hide.nft"), "utf8")).toContain("hidden { tcp . 22, tcp . 80 }")
        // Somebody damages it: it is whole again the next time, and is written only then.
        writeFileSync(join(state, "hide.nft"), "")
        const inodes: number[] = []
        for (let i = 0; i < 2; i++) {
            keeper.made(ruleset({ hidden: ["tcp/22"] }))
            await keeper.stop()
            expect(readFileSync(join(state, "hide.nft"), "utf8")).toContain("hidden { tcp . 22 }")
            inodes.push(statSync(join(state, "hide.nft")).ino)
        }
        expect(inodes[1]).toBe(inodes[0])
        keeper.made(ruleset())
        await keeper.stop()
        expect(readdirSync(state)).toEqual([])
    })

    it("says once that it cannot, and writes what is wanted by then as soon as it can, each time", async () => {
        for (const port of [80, 443]) {
            // A file in the place of the directory.
            rmSync(state, { recursive: true, force: true })
            writeFileSync(state, "")
            said = []
            keeper.made(ruleset({ hidden: [`tcp/${port}`] }))
            await vi.waitFor(() => expect(said).toHaveLength(1))
            keeper.made(ruleset({ hidden: ["tcp/22", `tcp/${port}`] }))
            rmSync(state)
            await vi.waitFor(() =>
                expect(readFileSync(join(state, "hide.nft"), "utf8")).toContain(`hidden { tcp . 22, tcp . ${port} }`),
            )
            await keeper.stop()
            expect(said).toEqual([expect.stringMatching(/^warning hide: what hides when the host starts cannot be/)])
        }
    })
})
