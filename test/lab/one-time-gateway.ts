/** A gateway with one door for one-time sequences, and no network: what its daemon is made of, as far as nothing is to be broken. */
import { traceCapture } from "../../src/adapters/capture/trace.ts"
import { systemClock } from "../../src/adapters/clock/system.ts"
import { memoryFirewall } from "../../src/adapters/firewall/memory.ts"
import { simulatedLinks } from "../../src/adapters/links/simulated.ts"
import { openJournal } from "../../src/adapters/store/journal.ts"
import { type Disk, openDisk } from "../../src/adapters/system/disk.ts"
import { readConfig } from "../../src/core/config/parse.ts"
import * as make from "../../tools/vectors/bytes.ts"

/** `state`: its directory, of which this process has the lock from then on. `bundles`: more of that table. */
export async function oneTimeGateway(state: string, bundles = "") {
    const text = `
[gateway]
state = "${state}"
[bundles]
gateway = "gw"
${bundles}
[[door]]
name = "ssh"
opens = ["tcp/22"]
for = "1m"
[door.one_time]
`
    const reading = await readConfig([{ file: "", text }], { listening: null })
    if (!reading.ok) throw new Error(JSON.stringify(reading.issues))
    const clock = systemClock()
    const disk = openDisk(state)
    if (disk === null) throw new Error("locked")
    const local = make.address(make.LOCAL4)
    return {
        config: reading.config,
        clock,
        disk,
        capture: traceCapture({ source: [], local: [local] }),
        firewall: memoryFirewall(() => clock.monotonic()),
        links: simulatedLinks({
            interfaces: [{ name: "eth0", index: 1, up: true }],
            addresses: [{ address: local, interface: 1 }],
            defaultRoutes: ["eth0"],
        }),
        /** Its journal, by this disk. */
        journal: async (by: Disk) => {
            const opening = await openJournal(
                state,
                () => clock.wall(),
                () => by,
            )
            if (!opening.ok || opening.found === "damaged") throw new Error(opening.detail)
            return opening.store
        },
    }
}
