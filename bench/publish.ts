/**
 * Publishes the bundles of so many knockers in a directory while one of them knocks all the time: `node tools/build.mjs`, then
 * `npx tsx bench/publish.ts 1000`. The real desk, journal, engine, thread and files; a model of capture and firewall.
 *
 * Prints, as JSON: how long it took to make everybody's sequences, from then on to make the files and to have them in the
 * directory (seconds); knocks meanwhile, how many of them opened, and how long from the last hit to the grant (ms, half of
 * them and 99 of 100 within); delays of the loop (ms, 99 of 100 within, and the longest); memory at the end (MB).
 */
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { pathToFileURL } from "node:url"
import { memoryCommands } from "../src/adapters/commands/memory.ts"
import { directoryTarget } from "../src/adapters/targets/directory.ts"
import { Meter } from "../src/core/metrics/meter.ts"
import { firstKeys } from "../src/core/one-time/gateway-keys.ts"
import { recipientOfX25519 } from "../src/core/one-time/recipient.ts"
import { Loop } from "../src/daemon/loop.ts"
import { OneTimeDesk } from "../src/daemon/one-time/desk.ts"
import { threadPress } from "../src/daemon/one-time/press-thread.ts"
import { Publisher } from "../src/daemon/one-time/publisher.ts"
import { Spool } from "../src/daemon/one-time/spool.ts"
import { oneTimeGateway } from "../test/lab/one-time-gateway.ts"
import * as make from "../tools/vectors/bytes.ts"
import { quantile } from "./row.ts"

/** From one knock to the next (ms). */
const EVERY_MS = 20

const people = Number(process.argv[2] ?? 1000)
const folder = mkdtempSync(join(tmpdir(), "postern-bench-"))
const [state, www] = [join(folder, "state"), join(folder, "www")]
mkdirSync(www)
const { config, clock, disk, capture, firewall, links, journal } = await oneTimeGateway(
    state,
    `[[bundles.publish]]\ndirectory = "${www}"`,
)
const store = await journal(disk)
let knocked = 0
let last = 0
let knocks = 0
const opened: number[] = []
const desk: OneTimeDesk = new OneTimeDesk({
    store: () => store,
    disk: () => Promise.resolve(disk),
    event: (event) => loop.hear(event),
    offered: () => [],
    wall: () => clock.wall(),
    log: () => {},
})
const loop: Loop = new Loop(
    config,
    {
        capture,
        firewall: {
            ...firewall,
            grant: (...words: Parameters<typeof firewall.grant>) => {
                opened.push(performance.now() - last)
                return firewall.grant(...words)
            },
        },
        links,
        services: { offered: () => [], published: () => null },
        commands: memoryCommands(),
        clock,
        log: () => {},
        meter: new Meter(),
        listeners: [],
        store,
        oneTime: { book: desk.book, claim: (claim) => desk.claim(claim), offered: () => {} },
    },
    [1, 2],
)
loop.start()
const seconds = (since: number) => Math.round(performance.now() - since) / 1000
let begun = performance.now()
desk.take(
    config,
    Array.from({ length: people }, (_, i) => ({
        name: `k${i}`,
        recipients: [recipientOfX25519(randomBytes(32))],
        doors: null,
        generation: 0,
        comment: "",
    })),
)
while (desk.waitsFor() !== null) await new Promise((resolve) => setTimeout(resolve, 1))
const sequences = seconds(begun)

/** The next sequence of one of them, from a source of its own. */
function knock(): void {
    const hits = desk.upcoming(`k${knocks % people}`)[0]!.sequences[0]!.hits
    const source = `10.9.${(knocks >> 8) & 255}.${knocks & 255}`
    for (const { port } of hits) {
        const bytes = make.ipv4(make.tcp(port, { sequence: ++knocked }), { source })
        last = performance.now()
        capture.deliver({ time: clock.monotonic(), bytes, interface: "eth0" })
    }
    knocks++
}

const thread = threadPress(pathToFileURL(join(import.meta.dirname, "../dist/press-worker.js")))
const publisher = new Publisher({
    desk,
    bundles: () => config.bundles,
    keys: () => Promise.resolve(firstKeys(randomBytes(32), randomBytes(32), Date.now())),
    press: thread.press,
    spool: new Spool(state),
    target: () => directoryTarget(www),
    wall: () => clock.wall(),
    log: (_, line) => process.stderr.write(`${line}\n`),
})
const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
const timer = setInterval(knock, EVERY_MS)
begun = performance.now()
await publisher.publishNow()
const published = seconds(begun)
clearInterval(timer)
delays.disable()
const made = Math.round(publisher.standing().last!.took) / 1000
await new Promise((resolve) => setTimeout(resolve, 200))
const tenth = (ms: number) => Math.round(ms * 10) / 10
const report = {
    people,
    seconds: { sequences, made, published },
    knocks: {
        sent: knocks,
        opened: opened.length,
        half: tenth(quantile(opened, 0.5)),
        p99: tenth(quantile(opened, 0.99)),
    },
    loop: { p99: tenth(delays.percentile(99) / 1e6), longest: tenth(delays.max / 1e6) },
    memory: Math.round(process.memoryUsage().rss / 1e6),
}
process.stdout.write(`${JSON.stringify(report)}\n`)
await publisher.stop()
await thread.stop()
await loop.stop()
desk.stop()
await store.close()
rmSync(folder, { recursive: true })
