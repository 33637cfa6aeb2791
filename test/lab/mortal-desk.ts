/**
 * A gateway that dies at the n-th use of a port while somebody knocks with one-time sequences: the real loop, desk and journal;
 * a model of capture and firewall. Arguments: the directory `state`, n (0: it lives), the number of this life, and sequences that
 * were knocked in former lives, separated by commas, their hits by `+`.
 *
 * One life: begins, knocks with each of those from a source of its own, then with the next one of anna, twice. It prints, as a
 * line each: `first COUNTER`, `knocks SOURCE HITS`, `grant SOURCE` (by the firewall, when it has it), `moments N`.
 */
import { writeSync } from "node:fs"
import { memoryCommands } from "../../src/adapters/commands/memory.ts"
import { formatHit, parseHit } from "../../src/core/knock/language.ts"
import { Meter } from "../../src/core/metrics/meter.ts"
import { formatSource } from "../../src/core/net/address.ts"
import { Loop } from "../../src/daemon/loop.ts"
import { OneTimeDesk } from "../../src/daemon/one-time/desk.ts"
import * as make from "../../tools/vectors/bytes.ts"
import { mortality } from "./mortal.ts"
import { KEYS } from "./one-time.ts"
import { oneTimeGateway } from "./one-time-gateway.ts"

const [state = "", at = "0", life = "0", former = ""] = process.argv.slice(2)
const say = (...words: readonly (string | number)[]) => void writeSync(1, `${words.join(" ")}\n`)
const { wrap, enter, moments } = mortality("life", Number(at))
enter("life")

const { config, clock, disk, capture, firewall, links, journal } = await oneTimeGateway(state)
const deadly = wrap("disk", disk)
const store = wrap("store", await journal(deadly))
const desk: OneTimeDesk = new OneTimeDesk({
    store: () => store,
    disk: () => Promise.resolve(deadly),
    event: wrap("desk", { event: (event: Parameters<Loop["hear"]>[0]) => heard(event) }).event,
    offered: () => [],
    wall: () => clock.wall(),
    log: (level, line) => void (level === "error" && say("error", line)),
})
let claims = 0
const isClaiming = () => claims > 0
const heard = (event: Parameters<Loop["hear"]>[0]) => {
    if (event.type !== "expelled") claims--
    loop.hear(event)
}
const loop: Loop = new Loop(
    config,
    {
        capture,
        firewall: wrap("firewall", {
            ...firewall,
            grant: (...[elements, ms]: Parameters<typeof firewall.grant>) => {
                say("grant", formatSource(elements[0]!.source))
                return firewall.grant(elements, ms)
            },
        }),
        links,
        services: { offered: () => [], published: () => null },
        commands: memoryCommands(),
        clock,
        log: () => {},
        meter: new Meter(),
        listeners: [],
        store,
        oneTime: {
            book: desk.book,
            claim: (claim) => {
                claims++
                desk.claim(claim)
            },
            offered: () => {},
        },
    },
    [1, 2],
)
desk.hear(wrap("publisher", { changed: () => {} }).changed)
const turn = () => new Promise((resolve) => setTimeout(resolve, 1))
loop.start()
const [name, line] = ["anna", KEYS.anna]
desk.take(config, [
    { name, recipients: [{ kind: "age", line, text: line, comment: "" }], doors: null, generation: 0, comment: "" },
])
for (let turns = 0; desk.waitsFor() !== null; turns++) {
    if (turns > 2000) throw new Error(`it waits: ${desk.waitsFor()}`)
    await turn()
}
const [next] = desk.upcoming("anna")[0]!.sequences
say("first", next!.counter)

let sources = 0
let sequence = 1
async function knock(hits: readonly string[]): Promise<void> {
    const source = `10.${life}.0.${++sources}`
    say("knocks", source, hits.join("+"))
    for (const hit of hits) {
        const read = parseHit(hit)
        if (!read.ok) throw new Error(hit)
        const bytes = make.ipv4(make.tcp(read.value.port, { sequence: sequence++ }), { source })
        capture.deliver({ time: clock.monotonic(), bytes, interface: "eth0" })
    }
    while (isClaiming()) await turn()
}
for (const hits of former.split(",").filter((one) => one !== "")) await knock(hits.split("+"))
for (let times = 0; times < 2; times++) await knock(next!.hits.map(formatHit))
await loop.stop()
desk.stop()
await store.close()
for (const [, count] of moments()) say("moments", count)
process.exit(0)
