/**
 * How knockd 0.8 matches, as an observer sees it: one list of attempts for all sources and doors, the oldest first. Each
 * `Cure` mends one fault of it. With none of them this is knockd, with all of them it is ours. No window passes here.
 */

/** A wanted hit is a port, with `:udp` behind it where it is none of TCP. */
export type ModelDoor = {
    readonly name: string
    readonly hits: readonly string[]
    /** Only TCP packets with SYN count. */
    readonly syn: boolean
}

/** `mark` is the same for packets that were sent again, and for no others. */
export type ModelPacket = {
    readonly source: string
    readonly hit: string
    readonly syn: boolean
    readonly mark: number
}

/** What of knockd is mended. */
export type Cure =
    /** The end of the oldest attempt ends no others. */
    | "sources apart"
    /** Each door has an attempt of its own, and looks at its own hits alone. */
    | "doors apart"
    /** A hit that comes again, or is sent again, is one hit. */
    | "repeats"
    /** The hit by which a knock fails may begin the next, and that it failed is told. */
    | "a wrong hit begins anew"

export const CURES: readonly Cure[] = ["sources apart", "doors apart", "repeats", "a wrong hit begins anew"]

type Attempt = {
    readonly source: string
    readonly door: ModelDoor
    /** Those that count: the beginning of the sequence. */
    hits: readonly ModelPacket[]
    over: boolean
    /** Nobody was told that it began. */
    quiet: boolean
}

/** The lines for these packets, one after another. */
export function modelLines(
    doors: readonly ModelDoor[],
    packets: readonly ModelPacket[],
    cures: ReadonlySet<Cure>,
): string[] {
    const lines: string[] = []
    let attempts: Attempt[] = []
    /** Begun by the packet at hand. */
    let begun: Attempt[] = []
    let wentOn = false

    const stage = ({ source, door, hits }: Attempt) => lines.push(`${source}: ${door.name}: Stage ${hits.length}`)
    const advance = (attempt: Attempt, hits: readonly ModelPacket[]) => {
        attempt.hits = hits
        attempt.quiet = false
        if (hits.length === 1 && attempt.door.hits.length > 1 && cures.has("doors apart")) {
            begun.push(attempt)
            return
        }
        wentOn = true
        stage(attempt)
        if (hits.length < attempt.door.hits.length) return
        lines.push(`${attempt.source}: ${attempt.door.name}: OPEN SESAME`)
        attempt.over = true
    }
    const begin = (door: ModelDoor, packet: ModelPacket) => {
        if (packet.hit !== door.hits[0]) return
        const attempt: Attempt = { source: packet.source, door, hits: [], over: false, quiet: false }
        attempts.push(attempt)
        advance(attempt, [packet])
    }
    const goOn = (attempt: Attempt, packet: ModelPacket) => {
        const { door, hits } = attempt
        if (packet.hit === door.hits[hits.length]) {
            advance(attempt, [...hits, packet])
            return
        }
        if (cures.has("repeats") && isAgain(hits, packet)) return
        attempt.over = true
        if (!cures.has("a wrong hit begins anew")) return
        if (!attempt.quiet)
            lines.push(`${attempt.source}: ${door.name}: failed after stage ${hits.length}: a wrong hit, N ms later`)
        const next = longestBeginning(door, [...hits, packet])
        if (next.length === 0) return
        attempt.over = false
        advance(attempt, next)
    }

    for (const packet of packets) {
        if (!doors.some((door) => counts(door, packet) && door.hits.includes(packet.hit))) continue
        const oldestEnds = attempts[0]?.over === true
        attempts = oldestEnds && !cures.has("sources apart") ? [] : attempts.filter(({ over }) => !over)
        const found = attempts.filter(({ source }) => source === packet.source)
        if (cures.has("doors apart")) {
            for (const door of doors) {
                if (!counts(door, packet) || !door.hits.includes(packet.hit)) continue
                const attempt = found.find((one) => one.door === door)
                if (attempt === undefined) begin(door, packet)
                else goOn(attempt, packet)
            }
            // Who goes on at one door did not mean to begin at another.
            for (const attempt of begun) {
                if (wentOn) attempt.quiet = true
                else stage(attempt)
            }
            ;[begun, wentOn] = [[], false]
        } else if (found.length === 0) {
            for (const door of doors) if (counts(door, packet)) begin(door, packet)
        } else {
            for (const attempt of found) if (counts(attempt.door, packet)) goOn(attempt, packet)
        }
    }
    return lines
}

/** Flags are those of TCP alone. */
function counts(door: ModelDoor, packet: ModelPacket): boolean {
    return !door.syn || packet.syn || packet.hit.endsWith(":udp")
}

function isAgain(hits: readonly ModelPacket[], { hit, mark }: ModelPacket): boolean {
    if (hits.at(-1)?.hit === hit) return true
    return !hit.endsWith(":udp") && hits.some((one) => one.hit === hit && one.mark === mark)
}

/** Of the last of these hits, as many as the sequence begins with. */
function longestBeginning(door: ModelDoor, hits: readonly ModelPacket[]): readonly ModelPacket[] {
    for (let skip = 1; skip < hits.length; skip++) {
        const rest = hits.slice(skip)
        if (rest.every(({ hit }, i) => hit === door.hits[i])) return rest
    }
    return []
}
