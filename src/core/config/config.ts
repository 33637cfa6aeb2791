/** What a checked configuration says. Times are milliseconds, addresses are words, nothing is optional. */

import type { Hit, Protocol, Service, TcpFlags } from "../knock/hit.ts"
import { type Address, isIPv4, type Network, networkAround } from "../net/address.ts"

/** A whole configuration. Door order is the order of the files. */
export type Config = {
    readonly gateway: Gateway
    readonly doors: readonly Door[]
    readonly hooks: readonly Hook[]
    /** Null: there is no such table, and then no door has one-time sequences. */
    readonly bundles: Bundles | null
    /** What [hide] says, each service once: stronger than `hide` of doors (hiding.ts). */
    readonly hide: readonly HideRule[]
}

/** A service that is hidden, or open to everyone, whatever its doors say. */
export type HideRule = { readonly service: Service; readonly hide: boolean }

/** What holds for the host as a whole. */
export type Gateway = {
    /** `auto`: the interfaces of the default routes; `any`: all of them, loopback included. */
    readonly interfaces: "auto" | "any" | readonly string[]
    /** Directory for what must survive a restart. */
    readonly state: string
    /** Keep an audit trail there. */
    readonly audit: boolean
    /** Where the daemon is asked, and the group that may ask beside root; null: nobody else. */
    readonly socket: string
    readonly socketGroup: string | null
    readonly capture: "auto" | "nflog" | "packet-socket"
    /** What keeps grants and hides: `iptables`, with ipset, for hosts without nftables. */
    readonly firewall: "auto" | "nftables" | "iptables"
    /** A bit that packets of whoever may come in are marked with, for the host's own filter; 0: none. */
    readonly mark: number
    /** Openly offered services, beside what the daemon finds listening. */
    readonly services: readonly Service[]
    /** nflog: pass every new packet up, so that no port costs more than another. */
    readonly uniform: boolean
    /** nflog: the kernel log group (1–65535). */
    readonly logGroup: number
    /** Sources whose hits are remembered at once: a power of two. */
    readonly attempts: number
    /** Grants that can be open at once. */
    readonly grants: number
    /** For so long (ms) after the host has started hidden services stay open; null: they do not. */
    readonly grace: number | null
}

/** A named service with its conditions. */
export type Door = {
    readonly name: string
    /** What a grant reaches. Empty for a door that only runs a command or closes others. */
    readonly opens: readonly Service[]
    /** How long a grant lets new connections begin, in milliseconds. */
    readonly for: number
    /** So many connections a grant is good for; null: for all that begin while it is open. */
    readonly uses: 1 | null
    /**
     * A grant is for the knocker's network of these prefix lengths (IPv4 0–32, IPv6 0–128); at their most: for him
     * alone.
     */
    readonly network: Widths
    /** Refuse the service to everyone without a grant. */
    readonly hide: boolean
    /** Addresses of hosts behind this one that the services are on; empty: this host's own. */
    readonly at: readonly Address[]
    /** Where sources with a grant are led to by changing the destination, at most one place of each family. */
    readonly leadTo: readonly Place[]
    /** Who may knock at all. */
    readonly sources: readonly Network[]
    /** Who needs no knock. */
    readonly always: readonly Network[]
    /** Doors whose grants this door's knock ends. */
    readonly closes: readonly string[]
    /** One of these two is there at least. */
    readonly sequence: Sequence | null
    readonly oneTime: OneTime | null
    readonly command: Command | null
    /** For sources of IPv6. Of a door of ours the same. */
    readonly command6: Command | null
}

/** An address, and a port of it; null: the port that was asked for. */
export type Place = { readonly address: Address; readonly port: number | null }

/** Prefix lengths, by family. */
export type Widths = { readonly v4: number; readonly v6: number }

/** Whom a grant of the door is for, if this source knocks. */
export function granteesOf({ network: { v4, v6 } }: Pick<Door, "network">, source: Address): Network {
    return networkAround(source, isIPv4(source) ? v4 + 96 : v6)
}

/** The programs of a door for this source. */
export function commandOf(door: Door, source: Address): Command | null {
    return isIPv4(source) ? door.command : door.command6
}

/** A fixed knock. */
export type Sequence = {
    readonly hits: readonly Hit[]
    /** From the first hit to the last, in milliseconds. */
    readonly within: number
    /** Every other hit in between spoils the knock. False, as with knockd: what the sequence does not name is no hit. */
    readonly strict: boolean
    /** It is good for one knock: whoever keeps such sequences says whether this one still is. */
    readonly once: boolean
    /** Which TCP packets count as hits for this door. */
    readonly flags: TcpFlags
    /** Destination addresses that count instead of this host's own; empty: this host's own. */
    readonly target: readonly Address[]
    /** Recognised as knockd's sequences are, which a sequence is that is not strict (spec/knockd.md); null: as ours. */
    readonly knockd: KnockdManner | null
}

/** Sequences that the gateway makes, each good for one knock (spec/one-time.md). New TCP connections to this host count. */
export type OneTime = {
    /** Hits of a sequence. */
    readonly length: number
    /** So many upcoming sequences of each knocker are accepted, and told in bundles. */
    readonly window: number
    /** From the first hit to the last, in milliseconds. */
    readonly within: number
    readonly protocols: readonly Protocol[]
    /** TCP and UDP ports that hits are drawn from, both included. */
    readonly from: number
    readonly to: number
}

/** Who gets one-time sequences, and where bundles go (spec/bundle.md). */
export type Bundles = {
    /** The directory with a file for each knocker, as it is written: relative to the main file of the configuration. */
    readonly users: string
    /** What knocks are sent to: a host name or an address. */
    readonly gateway: string
    /** Where the files are found, with a slash at its end; "": links cannot be given. */
    readonly url: string
    /** A bundle is good for so long after it was made, in milliseconds. */
    readonly lifetime: number
    /** Bundles are made anew after so long, even if nothing has happened, in milliseconds. */
    readonly every: number
    /** At least so many files are published: those that nobody needs are dummies. */
    readonly files: number
    readonly publish: readonly PublishTarget[]
}

/** Where bundles are published. Times are milliseconds. */
export type PublishTarget =
    /** A directory that a web server reads. */
    | { readonly kind: "directory"; readonly directory: string }
    /**
     * Below this address, with a slash at its end, files are put and deleted. `headers`: a file with lines "Name:
     * value".
     */
    | { readonly kind: "put"; readonly url: string; readonly headers: string | null; readonly timeout: number }
    /** A program; `{directory}` is replaced in each argument by a directory that holds all files and nothing else. */
    | { readonly kind: "run"; readonly run: readonly string[]; readonly timeout: number }

/** What a door in knockd's place can ask for beside. */
export type KnockdManner = {
    /** The last hit of an attempt again is no wrong one, however late within the window. */
    readonly duplicates: boolean
    /** For so long (ms) after a source has opened the door its knocks there do not count. */
    readonly cooldown: number
}

/** What a hook can hear. */
export type HookEvent = "grant" | "end" | "refusal" | "hiding" | "trouble"

/** A program that hears what happens. */
export type Hook = {
    readonly name: string
    readonly on: readonly HookEvent[]
    /** Only what is about these doors; null: all, and what is about no door. */
    readonly doors: readonly string[] | null
    /** An argument vector; `{event}`, `{door}`, `{source}` and `{text}` are replaced in each argument. */
    readonly run: readonly string[]
    /** A program that runs longer is killed, in milliseconds. */
    readonly timeout: number
}

/** Programs to run, as argument vectors; `{source}`, `{door}` and `{knocker}` are replaced in each argument. */
export type Command = {
    readonly start: readonly string[]
    readonly stop: readonly string[] | null
    /** From the end of `start` to `stop`, in milliseconds. */
    readonly after: number
    /** A program that runs longer is killed, in milliseconds. */
    readonly timeout: number
    /** As knockd's: `%IP%` is what is replaced, and where there is no stop every knock runs start, without a rest. */
    readonly shell: boolean
}
