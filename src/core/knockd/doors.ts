/** The doors of a knockd.conf as doors of ours: one engine for both (spec/knockd.md, "Matching"). */
import type { Command, Door, Sequence } from "../config/config.ts"
import { DOOR } from "../config/defaults.ts"
import { type Address, parseAddress } from "../net/address.ts"
import type { KnockdConf, KnockdDoor, KnockdOptions } from "./conf.ts"
import { noneLeftText, readOneTimeFile } from "./one-time.ts"
import { withoutPort } from "./sequence.ts"

/** A door of ours with what it was made of. */
export type MadeDoor = { readonly door: Door; readonly from: KnockdDoor }

/** Programs of knockd may take as long as they like: what a timer can hold, in milliseconds, is 24 days. */
const LONGEST_MS = 2_147_483_647

/**
 * All of them, in their order; a name that comes again is made another, since both doors live. A target that is no
 * address matches nothing, as with knockd: that door is left out.
 */
export function doorsOf({ options, doors }: KnockdConf): MadeDoor[] {
    const names = new Map<string, number>()
    const made: MadeDoor[] = []
    for (const from of doors) {
        const target = from.target === null ? null : parseAddress(from.target)
        if (from.target !== null && target === null) continue
        const name = unused(plain(from.name), names)
        const door: Door = {
            name,
            opens: [],
            for: DOOR.for,
            uses: null,
            network: DOOR.network,
            hide: false,
            at: [],
            leadTo: [],
            sources: DOOR.sources,
            always: [],
            closes: [],
            sequence: from.hits.length === 0 ? null : sequenceOf(from, options, target),
            oneTime: null,
            command: commandFrom(from.start, from.stop, from.cmdTimeout),
            command6: commandFrom(from.start6 ?? from.start, from.stop6 ?? from.stop, from.cmdTimeout),
        }
        made.push({ door, from })
    }
    return made
}

function sequenceOf(from: KnockdDoor, options: KnockdOptions, target: Address | null): Sequence {
    return {
        hits: from.hits,
        within: milliseconds(from.seqTimeout),
        flags: from.flags,
        target: target === null ? [] : [target],
        strict: options.strict || from.strict,
        once: from.oneTime !== null,
        knockd: { duplicates: options.allowDuplicates, cooldown: milliseconds(from.cooldown) },
    }
}

/** A start that is missing or empty runs nothing, and then nothing is stopped; an empty stop is run. */
function commandFrom(start: string | null, stop: string | null, seconds: number): Command | null {
    if (start === null || start === "") return null
    return {
        start: shell(start),
        stop: stop === null ? null : shell(stop),
        // knockd sleeps that long, and a number below 0 is a very large one to sleep(3).
        after: seconds < 0 ? LONGEST_MS : milliseconds(seconds),
        timeout: LONGEST_MS,
        shell: true,
    }
}

function shell(text: string): string[] {
    return ["/bin/sh", "-c", text]
}

function milliseconds(seconds: number): number {
    return Math.min(Math.max(0, seconds) * 1000, LONGEST_MS)
}

/** Ours: so much of a long name is enough, since `unused` tells doors apart. */
const NAME_MOST = 150

/** A section's name in letters that a name of ours may have (`isStoreName`): other bytes as in `%20`. */
function plain(name: string): string {
    return name
        .replace(/[^\x21-\x24\x26-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`)
        .slice(0, NAME_MOST)
}

/** `names`: those that are taken, each with the last number that was put behind it; this one is taken then, too. */
function unused(name: string, names: Map<string, number>): string {
    const last = names.get(name)
    if (last === undefined) {
        names.set(name, 1)
        return name
    }
    let n = last + 1
    while (names.has(`${name}#${n}`)) n++
    names.set(name, n)
    names.set(`${name}#${n}`, 1)
    return `${name}#${n}`
}

/** What a configuration becomes when a file of one-time sequences has changed, and what is to be said of it. */
export type Rolling = {
    readonly conf: KnockdConf
    /** Lines that are no sequences. */
    readonly told: readonly string[]
    /** Doors that have none left. */
    readonly ended: readonly string[]
}

/** Every door with this file takes the first sequence that is left in it; where none is, the door is no more. */
export function rollOn(conf: KnockdConf, path: string, text: string): Rolling {
    const { unused, bad } = readOneTimeFile(text)
    const [next] = unused
    const ended: string[] = []
    const told = bad.map(({ line, message }) => `${path}: line ${line}: ${withoutPort(message)}: left out`)
    const doors = conf.doors.map((door) => {
        // One that had none left before needs SIGHUP, as with knockd.
        if (door.oneTime !== path || door.hits.length === 0) return door
        if (next === undefined) ended.push(noneLeftText(door.name), "")
        return { ...door, hits: next?.hits ?? [] }
    })
    return { conf: { ...conf, doors }, told, ended }
}
