/** What the model of knockd (knockd-model.ts) is made of: doors and the packets that they see, and what of knockd is mended. */
import type { Improvement } from "./knockd-improvements.ts"

/** A wanted hit is a port, with `:udp` behind it where it is none of TCP. Commands: see `ModelCommand`. */
export type ModelDoor = {
    readonly name: string
    readonly hits: readonly string[]
    /** The file that its sequences come from, in place of `hits`. */
    readonly file: string | null
    /** As in the configuration; "" is none. */
    readonly flags: string
    readonly target: string | null
    /** Seconds. */
    readonly seqTimeout: number
    readonly start: ModelCommand
    readonly start6: ModelCommand
    readonly stop: ModelCommand
    readonly stop6: ModelCommand
    readonly cmdTimeout: number
}

/** Not there, empty, or one that writes which it is and `%IP%`. */
export type ModelCommand = null | "" | "start" | "start6" | "stop" | "stop6"

/** `mark` is the same for packets that were sent again, and for no others. */
export type ModelPacket = {
    readonly source: string
    readonly to: string
    readonly hit: string
    readonly flags: string
    readonly mark: number
}

/** What of knockd is mended. */
export const CURES = [
    "sources apart",
    "doors apart",
    "repeats",
    "a wrong hit begins anew",
    "why a knock failed",
    "timeouts when they happen",
    "milliseconds",
    "one start",
    "bad lines",
    "the last sequence",
    "the next sequence from its beginning",
    "one-time sequences by IPv6",
    "reload keeps",
    "reload refuses",
] as const satisfies readonly Improvement[]

/** One of them. */
export type Cure = (typeof CURES)[number]

/** The host's own. */
const OWN = ["10.77.0.1", "10.77.0.3", "fd77::1"]

/** A door with its sequence of now, and those whose ports the kernel lets through, of either family. */
export class Door {
    readonly is: ModelDoor
    hits: readonly string[]
    filter4: readonly string[]
    filter6: readonly string[]
    /** The line of its file that is to be marked. */
    line = -1

    constructor(is: ModelDoor, hits: readonly string[]) {
        this.is = is
        this.hits = hits
        this.filter4 = hits
        this.filter6 = hits
    }

    /** Is this packet for it, were it the right one? */
    sees(packet: ModelPacket): boolean {
        return this.isTo(packet) && flagsFit(this.is.flags, packet)
    }

    isTo({ to }: ModelPacket): boolean {
        return this.is.target === null ? OWN.includes(to) : to === this.is.target
    }

    /** Does the kernel let it through for this door? */
    passes(packet: ModelPacket): boolean {
        return (isSix(packet.source) ? this.filter6 : this.filter4).includes(packet.hit) && this.sees(packet)
    }
}

/** The words of a command. */
export function commandText({ name }: ModelDoor, command: string): string {
    return command === "" ? "" : `echo ${name} ${command} %IP% >> @DIR@/cmd`
}

/** Flags are those of TCP alone. */
export function flagsFit(flags: string, { hit, flags: sent }: Pick<ModelPacket, "hit" | "flags">): boolean {
    if (hit.endsWith(":udp") || flags === "") return true
    const all = sent.split(",")
    return flags.split(",").every((one) => (one.startsWith("!") ? !all.includes(one.slice(1)) : all.includes(one)))
}

/** Of a door that looks at other packets, hits mean nothing. */
export function isSameView(one: ModelDoor, other: ModelDoor): boolean {
    return one.name === other.name && one.flags === other.flags && one.target === other.target
}

/** Of IPv6. */
export const isSix = (source: string) => source.includes(":")
