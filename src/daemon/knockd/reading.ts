/** A configuration with the files that it names, read for the daemon: all of it, or in one sentence why not. */
import { readKnockdFiles } from "../../adapters/config/knockd.ts"
import type { KnockdConf } from "../../core/knockd/conf.ts"
import { noneLeftText } from "../../core/knockd/one-time.ts"
import type { Places } from "./places.ts"
import type { KnockdWords } from "./words.ts"

/** What a configuration file says, or in one sentence why it cannot be used. */
type Read = {
    readonly conf: KnockdConf | null
    readonly message: string
    /** The mistake is in its text: knockd shows its help. */
    readonly help: boolean
    readonly told: readonly string[]
    readonly warned: readonly string[]
    /** What there is to say of doors that have no one-time sequence left. */
    readonly spent: readonly string[]
}

/** Reads it; nothing throws. `places`: where its paths lead. */
export function read(words: KnockdWords, places: Places): Read {
    const { conf, reading } = readKnockdFiles(words.config, words.interface, places.of, "taken")
    if (reading === null) {
        const detail = conf.ok ? "" : conf.detail
        return { conf: null, message: `${words.config}: ${detail}`, help: true, told: [], warned: [], spent: [] }
    }
    const { told, warned } = reading
    if (!reading.ok) return { conf: null, message: reading.message, help: true, told, warned, spent: [] }
    const target = targetText(reading.conf)
    if (target !== null) return { conf: null, message: target, help: false, told, warned, spent: [] }
    const spent = reading.conf.doors.filter(({ hits }) => hits.length === 0)
    const lines = spent.flatMap(({ name }) => [noneLeftText(name), ""])
    return { conf: reading.conf, message: "", help: false, told, warned, spent: lines }
}

/** In knockd's words: a target of which it can make no filter. */
function targetText({ doors }: KnockdConf): string | null {
    const targets = doors.map(({ target }) => target)
    if (targets.includes("")) return "pcap_compile: can't parse filter expression: syntax error"
    return targets.some((target) => target?.includes("/")) ? "pcap_compile: Mask syntax for networks only" : null
}
