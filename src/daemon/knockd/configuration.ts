/** The doors of a knockd.conf, with what is around them, as a configuration of ours. */
import { createHash } from "node:crypto"
import { join } from "node:path"
import type { Config, Gateway } from "../../core/config/config.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import type { MadeDoor } from "../../core/knockd/doors.ts"
import { interfacesName } from "../../core/knockd/interfaces.ts"
import { parseNetwork } from "../../core/net/address.ts"
import type { Places } from "./places.ts"
import type { KnockdWords } from "./words.ts"

/** What a run has for good, whatever a reload reads. */
export type Lasting = {
    readonly words: KnockdWords
    readonly places: Places
    readonly interfaces: Gateway["interfaces"]
    /** The directory for what must survive, absolute. */
    readonly state: string
}

/** The configuration with these doors. */
export function configOf(made: readonly MadeDoor[], lasting: Lasting): Config {
    const sources = lasting.words.onlyIpv4 ? [parseNetwork("0.0.0.0/0")!] : null
    const doors = made.map(({ door }) => (sources === null ? door : { ...door, sources }))
    return { gateway: gatewayOf(lasting), doors, hooks: [], bundles: null, hide: [] }
}

/** Each daemon that may run has a directory of its own there: by its file and by where it listens. */
function gatewayOf({ words, places, interfaces, state }: Lasting): Gateway {
    const name = createHash("sha256")
        .update(places.resolved(words.config))
        .update(`\0${interfacesName(interfaces)}`)
        .digest("hex")
    return { ...GATEWAY, interfaces, state: join(state, name.slice(0, 16)), audit: false, capture: "packet-socket" }
}
