/**
 * A daemon from which CAP_NET_ADMIN is taken while it runs: the kernel refuses whatever it asks of the firewall. It opens
 * nothing, says so, goes on asking, and does what it owes when it has its right again.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Bundled, bundleWorker } from "../lab/bundled.ts"
import { type Daemon, eventually, type Lab, listTable, makeLab, POSTERN, portState } from "../lab/lab.ts"
import { listenOn, type Outsider, startOutsider } from "../lab/outside.ts"
import { makeProgram } from "../lab/program.ts"

const HITS = [32144, 21312, 27015]
const CLOSING = [40117, 11988, 52406]
const [FRIEND, OTHER, LATE] = ["10.99.0.1", "10.99.0.2", "10.99.0.3"]
const REFUSED = /error: firewall: cannot let \S+ through: EPERM/

let lab: Lab<"knocker">
let outsider: Outsider
let preload: Bundled
const daemons: Daemon[] = []

beforeAll(async () => {
    preload = bundleWorker("fewer-rights")
    lab = makeLab(["knocker"])
    outsider = await startOutsider(lab)
    await listenOn(lab, [22])
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    lab.gateway.exec(["nft", "delete table inet postern"])
})

afterAll(() => {
    lab?.remove()
    preload?.remove()
})

const sequence = (hits: readonly number[]) =>
    `[door.sequence]\nhits = [${hits.map((port) => `"${port}:udp"`).join()}]\n`

it("tells it, opens nothing, keeps what is hidden, and does what it owes when it has its right again", async () => {
    const state = join(lab.scratch, "state")
    const { file, ran } = makeProgram(lab.scratch)
    mkdirSync(state, { mode: 0o700 })
    const doors = `
[gateway]
state = "${state}"
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "1h"
hide  = true
${sequence(HITS)}
[door.command]
start = ["${file}", "start", "{source}"]
[[door]]
name   = "close"
closes = ["ssh"]
${sequence(CLOSING)}`
    const start = async () => {
        const daemon = await lab.startDaemon(doors, { env: { NODE_OPTIONS: `--import ${preload.file}` } })
        daemons.push(daemon)
        return daemon
    }
    const ask = (...words: readonly string[]) => lab.gateway.exec([POSTERN, ...words, "--socket", daemon.socket])
    const tries = async (source: string) => {
        outsider.keepTrying(source, source, 22)
        const some = async () => (await outsider.tries())[source]!.open + (await outsider.tries())[source]!.refused > 2
        expect(await eventually(some)).toBe(true)
        outsider.rest(source)
        const { open, refused } = (await outsider.tries())[source]!
        return open > 0 && refused > 0 ? "both" : open > 0 ? "open" : "refused"
    }
    const toggle = async (said: RegExp) => {
        const from = daemon.log.all.length
        process.kill(daemon.pid, "SIGUSR2")
        await daemon.log.waitFor(said, { from })
    }
    let daemon = await start()
    for (const source of [FRIEND, OTHER]) {
        outsider.knock(source, HITS)
        await daemon.log.waitFor(new RegExp(`${source}: open: tcp/22`))
    }
    expect(await eventually(() => ran().length === 2)).toBe(true)

    await toggle(/^lab: without/)
    outsider.knock(LATE, HITS)
    await daemon.log.waitFor(REFUSED)
    await daemon.log.waitFor(new RegExp(`${LATE}: refused: the right knock, but the firewall refused`))
    expect(await tries(LATE)).toBe("refused")
    expect(ask("grant", "ssh", LATE).status).toBe(1)
    // What it cannot take back stays open, and it says so.
    outsider.knock(FRIEND, CLOSING)
    await daemon.log.waitFor(/error: firewall: cannot revoke: EPERM/)
    expect(ask("revoke", OTHER).status).toBe(1)
    expect(await tries(OTHER)).toBe("open")
    expect(ask("metrics").stdout).toMatch(/^postern_firewall_table_in_place 0$/m)
    expect(ask("status").stdout).toMatch(/error: firewall: cannot revoke: EPERM/)
    writeFileSync(daemon.file, readFileSync(daemon.file, "utf8").replace('"tcp/22"', '"tcp/22", "tcp/23"'))
    const before = listTable(lab.gateway).replaceAll(/ expires [0-9a-z]+/g, "")
    const reloaded = ask("reload")
    expect(reloaded.status, reloaded.stderr).toBe(1)
    expect(listTable(lab.gateway).replaceAll(/ expires [0-9a-z]+/g, "")).toBe(before)
    expect(ran()).toHaveLength(2)

    await toggle(/^lab: with /)
    await daemon.log.waitFor(/firewall: what was refused before is done now/)
    for (const source of [FRIEND, OTHER, LATE]) expect(await tries(source)).toBe("refused")
    expect(ask("metrics").stdout).toMatch(/^postern_firewall_table_in_place 1$/m)
    const from = daemon.log.all.length
    outsider.knock(LATE, HITS)
    await daemon.log.waitFor(new RegExp(`${LATE}: open: tcp/22`), { from })
    expect(await tries(LATE)).toBe("open")

    // Somebody takes the table away: it is asked for until it can be made.
    await toggle(/^lab: without/)
    lab.gateway.must(["nft", "flush ruleset"])
    await daemon.log.waitFor(/our table was taken away and cannot be made again: /)
    await toggle(/^lab: with /)
    await daemon.log.waitFor(/somebody took our table .* made again/)
    expect([await tries(LATE), await tries(FRIEND)]).toEqual(["open", "refused"])

    // It ends without its right, too, and what it leaves is as it was.
    await toggle(/^lab: without/)
    expect(await daemon.stop()).toBe(0)
    expect(daemon.log.all.join("\n")).toMatch(/error: firewall: .*Operation not permitted/)
    expect(daemon.log.all.join("\n")).not.toMatch(/TypeError|RangeError|uncaught| {4}at /)
    expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
    account(
        "CAP_NET_ADMIN taken 3 times: 1 knock, 1 grant and 1 reload refused and told, 2 grants taken back afterwards",
    )
    daemon = await start()
    expect([await tries(LATE), await tries(FRIEND)]).toEqual(["open", "refused"])
})
