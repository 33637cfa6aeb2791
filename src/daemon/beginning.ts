/** What the log says of a daemon that begins: where it looks, which doors there are, and what is unwise about them. */
import type { Config, Door } from "../core/config/config.ts"
import { hidesIn } from "../core/config/hiding.ts"
import { formatService } from "../core/knock/language.ts"
import { formatMs } from "../voice/reports.ts"
import type { Log } from "./log.ts"
import { interfacesText } from "./outlook.ts"
import type { Standing } from "./standing.ts"
import { overfull } from "./status.ts"

/** Ours: ten thousand lines at once would be more than a log has room for, and `ready` would be lost among them. */
const DOORS_TOLD = 100

/** See the head of the file. */
export function tellBeginning(config: Config, standing: Standing, log: Log): void {
    const { interfaces, leases } = standing.facts()
    log("notice", `watching ${interfacesText(interfaces)}, by ${standing.captureName}`)
    const hides = hidesIn(config)
    for (const door of config.doors.slice(0, DOORS_TOLD))
        log(
            "info",
            `${door.name}: ${doorText(
                door,
                door.opens.some((service) => hides(door, service)),
            )}`,
        )
    const more = config.doors.length - DOORS_TOLD
    if (more > 0) log("info", `and ${more} more doors`)
    const over = overfull(config, leases)
    if (over !== null) log("warning", over)
}

function doorText(door: Door, hidden: boolean): string {
    const parts = [
        door.sequence && `a sequence of ${door.sequence.hits.length} hits within ${formatMs(door.sequence.within)}`,
        door.oneTime && `one-time sequences of ${door.oneTime.length} hits within ${formatMs(door.oneTime.within)}`,
        door.opens.length > 0 && `opens ${door.opens.map(formatService).join(", ")} for ${formatMs(door.for)}`,
        hidden && "hidden from everyone else",
        door.closes.length > 0 && `closes ${door.closes.join(", ")}`,
        door.command !== null && "runs programs",
    ]
    return parts.filter((part) => typeof part === "string").join(", ")
}
