/**
 * A daemon that dies at the n-th use of a port: the real loop on the real capture, firewall, programs and journal of
 * the network namespace it runs in. Arguments: the configuration file, the part of its life and n (0: it lives), the
 * number of this life, and the ids that former lives claimed, separated by commas.
 *
 * One life: takes over what is there, waits for a knock, opens a second source by hand for a minute, opens and revokes a
 * third, opens a door for a fourth that the next configuration (FILE.next) does not have and goes on with that, claims
 * and counts, lets all programs end, and stops in good order. What it was promised it prints, as a line each:
 * `found SOURCE…`, `ready`, `claimed ID`, `given SOURCE`, `revoked SOURCE`, `stopped`, `moments PART N` of its parts
 * `start`, `reload` and `end`; and `replayed ID` if something was used twice, which must not be.
 */
import { readFileSync, writeSync } from "node:fs"
import { nflogCapture } from "../../src/adapters/capture/nflog.ts"
import { systemClock } from "../../src/adapters/clock/system.ts"
import { spawnCommands } from "../../src/adapters/commands/spawn.ts"
import { nftFirewall } from "../../src/adapters/firewall/nft.ts"
import { rtnetlinkLinks } from "../../src/adapters/links/rtnetlink.ts"
import { socketServices } from "../../src/adapters/services/sockets.ts"
import { openJournal } from "../../src/adapters/store/journal.ts"
import { openDisk } from "../../src/adapters/system/disk.ts"
import type { Config } from "../../src/core/config/config.ts"
import { readConfig } from "../../src/core/config/parse.ts"
import { isOpen } from "../../src/core/leases.ts"
import { Meter } from "../../src/core/metrics/meter.ts"
import { type Address, formatAddress, parseAddress, parseNetwork } from "../../src/core/net/address.ts"
import { Loop } from "../../src/daemon/loop.ts"
import type { Commands } from "../../src/ports/commands.ts"
import { mortality } from "./mortal.ts"

const [file = "", part = "", at = "0", life = "0", former = ""] = process.argv.slice(2)
const LATER = Number.MAX_SAFE_INTEGER - 1
/** Start and stop, for three sources. */
const PROGRAMS = 6

function say(...words: readonly (string | number)[]): void {
    writeSync(1, `${words.join(" ")}\n`)
}

/** One source of this life. */
function source(of: number): Address {
    const number = Number(life) % 20_000
    return parseAddress(`10.99.${of * 80 + (number >> 8)}.${number & 255}`)!
}

const { wrap, enter, moments } = mortality(part, Number(at))
enter("start")
async function read(path: string): Promise<Config> {
    const reading = await readConfig([{ file: path, text: readFileSync(path, "utf8") }], { listening: null })
    if (!reading.ok) throw new Error(JSON.stringify(reading.issues))
    return reading.config
}
const [config, next] = [await read(file), await read(`${file}.next`)]
const [ssh, leaving] = ["ssh", "leaving"].map((name) => config.doors.find((door) => door.name === name)!)
const clock = systemClock()
const opening = await openJournal(
    config.gateway.state,
    () => clock.wall(),
    (directory) => {
        const disk = openDisk(directory)
        return disk && wrap("disk", disk)
    },
)
if (!opening.ok) throw new Error(opening.detail)
if (opening.found === "damaged") throw new Error(`the journal is damaged: ${opening.detail}`)
const store = wrap("store", opening.store)

let ended = 0
const commands = spawnCommands()
const counted: Commands = {
    run: (job, done) =>
        commands.run(job, (outcome) => {
            done(outcome)
            ended++
        }),
    load: () => commands.load(),
    leave: () => commands.leave(),
    stop: () => commands.stop(),
}
let opened = false
const loop = new Loop(
    config,
    {
        capture: wrap("capture", nflogCapture({ clock })),
        firewall: wrap(
            "firewall",
            nftFirewall(() => clock.monotonic()),
        ),
        links: wrap("links", rtnetlinkLinks()),
        services: wrap("services", socketServices()),
        commands: wrap("commands", counted),
        // To read a clock is no effect.
        clock: {
            ...clock,
            wake: wrap("clock", { wake: (at: number | null, due: () => void) => clock.wake(at, due) }).wake,
        },
        log: () => {},
        meter: new Meter(),
        listeners: [
            wrap("listener", {
                hear: (report: { readonly type: string }) => {
                    if (report.type === "opened") opened = true
                },
            }).hear,
        ],
        store,
    },
    [1, 2],
)
const turn = () => new Promise((resolve) => setTimeout(resolve, 2))
const until = async (condition: () => boolean) => {
    while (!condition()) await turn()
}

loop.start()
const left = loop.standing.facts().leases
say("found", ...left.filter(isOpen).map((lease) => formatAddress(lease.source)))
for (const id of former.split(",").filter((one) => one !== "")) {
    const [name = "", n = ""] = id.split("=")
    const again = n === "" ? await store.claim(name, LATER, LATER) : await store.raise(name, Number(n), LATER)
    if (again.ok) say("replayed", id)
}
// What former lives have left to do is done first, so that what comes is known.
await until(() => loop.standing.facts().leases.every(({ errand }) => errand.phase === "idle"))
ended = 0
say("ready", formatAddress(source(0)))
await until(() => opened)
if ((await store.claim(`life-${life}`, LATER, LATER)).ok) say("claimed", `life-${life}`)
if ((await store.raise("lives", Number(life), LATER)).ok) say("claimed", `lives=${life}`)
for (const of of [1, 2]) {
    const refused = loop.grant(ssh!, source(of), 60_000, 0)
    if (refused === null) say("given", formatAddress(source(of)))
}
const { grants } = loop.revoke(ssh!, parseNetwork(`${formatAddress(source(2))}/32`), 0)
if (grants === 1) say("revoked", formatAddress(source(2)))
if (loop.grant(leaving!, source(3), 60_000, 0) !== null) throw new Error("a grant by hand was refused")
enter("reload")
const turned = loop.reload(next, store)
enter("end")
if (!turned.ok || turned.ended < 1) throw new Error(`not reloaded: ${JSON.stringify(turned)}`)
say("revoked", formatAddress(source(3)))
await until(() => ended === PROGRAMS)
await loop.stop()
await store.close()
say("stopped")
for (const [of, count] of moments()) say("moments", of, count)
