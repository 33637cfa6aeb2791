/** Proof that a knock works: somebody has knocked at a door since he was asked to. */
import { setTimeout as pause } from "node:timers/promises"
import type { Door } from "../../core/config/config.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import type { Status } from "../../core/status.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import { formatMs } from "../../voice/reports.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { type Ending, exitOf } from "./endings.ts"
import type { Held } from "./held.ts"

/** How often is looked (ms). A grant lasts a second at least. */
export const LOOK_MS = 250

/** Waits for a knock at one of these doors, for `wait` ms; gives where it came from. */
export async function proof(
    daemon: Held,
    doors: readonly Door[],
    { wait, service }: { readonly wait: number; readonly service: Service },
    ended: Promise<Ending>,
    terminal: Terminal,
): Promise<string | ExitCode> {
    const names = new Set(doors.map((door) => door.name))
    const look = async () => {
        const asked = performance.now()
        const answer = await daemon.ask({ ask: "status" })
        return typeof answer === "number" ? answer : knocks(answer.status, names, asked, performance.now())
    }
    const first = await look()
    if (typeof first === "number") return first
    const list = [...names].join(" or ")
    terminal.say(
        `postern: ${formatService(service)}: knock now, from another host, at ${list}: it is waited for ${formatMs(wait)}`,
    )
    const deadline = performance.now() + wait
    let before = first
    while (performance.now() < deadline) {
        const over = await Promise.race([pause(LOOK_MS, null), ended])
        if (over !== null) return exitOf(over)
        const now = await look()
        if (typeof now === "number") return now
        // Ends later than it did: it is new, or renewed by another knock.
        const fresh = [...now].find(([key, { least }]) => least > (before.get(key)?.most ?? 0) + LOOK_MS)
        if (fresh !== undefined) {
            terminal.say(`postern: ${fresh[1].source} has knocked: it works`)
            return fresh[1].source
        }
        before = now
    }
    terminal.error(
        "nobody has knocked, so nothing was hidden",
        "postern log shows what came in; --wait gives more time",
    )
    return EXIT.failed
}

/** A grant that a knock has made: when it ends (monotonic ms), at the earliest and at the latest. */
type Knocked = { readonly source: string; readonly least: number; readonly most: number }

/**
 * `asked`, `told`: between these moments the daemon has said so. Its clock, which may be set meanwhile, is not looked
 * at.
 */
function knocks({ grants }: Status, doors: ReadonlySet<string>, asked: number, told: number): Map<string, Knocked> {
    const made = grants.filter(({ door, by, left }) => doors.has(door) && by === "knock" && left !== null)
    return new Map(
        made.map(({ door, source, left }) => {
            return [`${door} ${source}`, { source, least: asked + (left ?? 0), most: told + (left ?? 0) }]
        }),
    )
}
