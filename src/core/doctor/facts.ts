/**
 * What `postern doctor` looks at: how this host is, as data. Adapters see it, `examine` judges it. What could not be seen
 * is null and has its line in `unseen`; nothing is guessed.
 */
import type { Config } from "../config/config.ts"
import type { Issue } from "../config/issues.ts"
import type { Service } from "../knock/hit.ts"
import type { Address, Network } from "../net/address.ts"
import type { Status } from "../status.ts"

/** All of it, at one moment. */
export type Facts = {
    /** The main file of the configuration. */
    readonly file: string
    /** Null: there is none that could be used, or it may not be read. */
    readonly config: Config | null
    /** What `postern check` says of it. */
    readonly issues: readonly Issue[]
    readonly daemon: DaemonFact
    readonly listeners: readonly ListenerFact[] | null
    readonly links: LinkFacts | null
    readonly firewall: FirewallFacts | null
    /** Units of systemd that are there; null: systemd does not run here. */
    readonly units: readonly UnitFact[] | null
    /** Files that load rules of nftables: does one begin by taking all tables away? */
    readonly flushing: readonly string[]
    /** `net.ipv4.ip_forward` and the like; what is not there is left out. */
    readonly sysctls: Readonly<Record<string, string>>
    readonly clock: ClockFact
    readonly sshds: readonly SshdFact[] | null
    readonly secrets: readonly SecretFact[]
    /** What the kernel lacks of nftables; null: it could not be asked. */
    readonly lacks: readonly KernelFeature[] | null
    readonly unseen: readonly Unseen[]
}

/** What could not be looked at, and why. */
export type Unseen = { readonly what: string; readonly why: string }

/**
 * The running daemon. `status`: how things stand, asked of itself. `hidden-from-us`: one runs, or may, and does not
 * tell.
 */
export type DaemonFact =
    | { readonly runs: true; readonly status: Status; readonly changed: boolean }
    | { readonly runs: false }
    | { readonly runs: "unknown" }

/** A socket that takes what is sent to it. */
export type ListenerFact = {
    readonly protocol: Service["protocol"]
    readonly port: number
    readonly address: Address
    /** Nobody outside reaches it. */
    readonly inside: boolean
    /** Granted sources can be led to it; null: the kernel does not say. */
    readonly transparent: boolean | null
    /** systemd has made it, and makes it again as it was (systemd.socket(5)). */
    readonly bySystemd: boolean
}

/** Interfaces, addresses and default routes. */
export type LinkFacts = {
    readonly interfaces: readonly { readonly name: string; readonly index: number; readonly up: boolean }[]
    readonly addresses: readonly { readonly address: Address; readonly interface: number }[]
    readonly defaultRoutes: readonly string[]
}

/** The rules in the kernel. */
export type FirewallFacts = {
    /** What is hidden by our table at this moment, and how. */
    readonly ours: OurTable
    /** What other tables let in of what is sent to this host, and let on of what is sent through it. */
    readonly filters: readonly FilterFact[]
    /** Published by rewriting destinations: packets to these do not come to this host's sockets. */
    readonly published: readonly Service[]
    /** Tables of the old ip_tables that have rules, beside those of nftables. */
    readonly legacy: readonly string[]
    /** Programs that have left rules here: `ufw`, `firewalld`, `docker`, … */
    readonly owners: readonly string[]
}

/**
 * `hidden`: what it keeps from strangers; nothing where there is no table. `spared`: what it lets everyone in to, all
 * the same.
 */
export type OurTable = {
    readonly there: boolean
    readonly hidden: readonly Service[]
    readonly spared: readonly Service[]
    /** It keeps strangers from what others publish by rewriting destinations (decisions/0028). */
    readonly translates: boolean
}

/** A chain of somebody else's that packets to this host pass (`input`), or those that go on to others (`forward`). */
export type FilterFact = {
    /** Such as `ip filter INPUT`. */
    readonly name: string
    readonly hook: "input" | "forward"
    readonly families: readonly ("IPv4" | "IPv6")[]
    /** The program that adds a rule in front: `nft`, `iptables`, `ip6tables-legacy` and the like. */
    readonly by: string
    /** What no rule takes is dropped or refused. */
    readonly closed: boolean
    /** What rules accept, as far as it can be read. */
    readonly admits: readonly Admission[]
    /** Marks of rules that accept. */
    readonly marks: readonly number[]
    /** It accepts whatever had its destination rewritten (`ct status dnat`). */
    readonly rewritten: boolean
    /** It accepts by what cannot be read here, such as a set: it may let in anything. */
    readonly unclear: boolean
}

/** A rule accepts this. `service` null: whatever it is; `to` null: wherever it goes. */
export type Admission = { readonly service: Service | null; readonly to: Network | null }

/** A unit of systemd. */
export type UnitFact = { readonly name: string; readonly active: boolean; readonly enabled: boolean }

/** The wall clock. Milliseconds since 1970. */
export type ClockFact = {
    readonly now: number
    /** Is it kept by somebody (NTP, PTP), as far as the kernel knows? Null: not known. */
    readonly synchronised: boolean | null
    /** The latest time at which something of ours was written, and what. */
    readonly latest: { readonly at: number; readonly file: string } | null
}

/** An sshd that listens for a service of a door: its configuration, as it says itself (`sshd -T`). */
export type SshdFact = {
    readonly pid: number
    /** Its configuration file. */
    readonly file: string
    /** Keywords in small letters. */
    readonly settings: Readonly<Record<string, string>>
}

/** A file with secrets, or one that decides who comes in. `mode`: permission bits. */
export type SecretFact = {
    readonly path: string
    readonly mode: number
    /** Bits that nobody but its owner and group should have. */
    readonly excess: number
}

/** Parts that not every kernel has: of nftables, and to borrow a socket of another process (pidfd_getfd(2)). */
export type KernelFeature =
    | "table"
    | "tproxy"
    | "socket"
    | "fib"
    | "reject"
    | "log"
    | "ct"
    | "learns"
    | "uses"
    | "ranges"
    | "nat"
    | "borrow"
