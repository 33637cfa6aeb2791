/**
 * Every finding of the doctor: how bad it is, what it says, why that matters, and the commands that mend it.
 * docs/postern-doctor.1.md has a row for each, held against this table.
 */
import type { KernelFeature } from "./facts.ts"
import type { Finding, Of, Severity, SshdSetting } from "./finding.ts"

/** What is said of one kind of finding. */
export type Entry<F extends Finding> = {
    /** In a line of the manual page. */
    readonly summary: string
    readonly severities: readonly Severity[]
    readonly severity: (found: F) => Severity
    readonly what: (found: F) => string
    readonly why: (found: F) => string
    /** Lines for a shell that make it go away; none where that takes a decision. */
    readonly commands: (found: F) => readonly string[]
    /** What to do where no command can, or before it. */
    readonly advice?: (found: F) => string
}

const always = (severity: Severity) => ({ severities: [severity], severity: () => severity }) as const
const none = () => []

const SSHD: Readonly<Record<SshdSetting, { readonly why: string; readonly better: string }>> = {
    PermitEmptyPasswords: { why: "accounts without a password are open to whoever is let in", better: "no" },
    PasswordAuthentication: {
        why: "everyone behind the address of somebody who knocked can guess passwords meanwhile; keys cannot be guessed",
        better: "no",
    },
    KbdInteractiveAuthentication: {
        why: "it asks for passwords, too, and they can be guessed; where it asks for a second factor, leave it",
        better: "no",
    },
    PermitRootLogin: { why: "root's password is what everyone guesses first", better: "prohibit-password" },
}

const KERNEL: Readonly<Record<KernelFeature, { readonly severity: Severity; readonly why: string }>> = {
    table: {
        severity: "broken",
        why: 'grants and hiding are kept there (nf_tables); without it: firewall = "iptables"',
    },
    tproxy: {
        severity: "unsafe",
        why: "nobody can be led to a service on loopback (nft_tproxy): hidden services are refused",
    },
    socket: {
        severity: "unsafe",
        why: "it cannot see what listens (nft_socket): hidden services are refused by their ports",
    },
    fib: { severity: "broken", why: "it cannot see which addresses are this host's (nft_fib_inet)" },
    reject: { severity: "broken", why: "strangers cannot be refused (nft_reject_inet)" },
    log: { severity: "note", why: "hits cannot come from a log group (nft_log): a packet socket takes its place" },
    uses: {
        severity: "broken",
        why: "it cannot count the uses of a grant (Linux 5.7 can): doors with `uses` open nothing",
    },
    ct: { severity: "broken", why: "connections of hidden UDP services are not known (nft_ct)" },
}

/** The sentences, by code. */
export const CATALOGUE: { readonly [C in Finding["code"]]: Entry<Of<C>> } = {
    configuration: {
        summary: "what `postern check` says of the configuration: an error, a warning, a note",
        severities: ["broken", "unsafe", "note"],
        severity: ({ severity }) => severity,
        what: ({ place, message }) => `${place}: ${message}`,
        why: ({ severity }) =>
            severity === "broken"
                ? "the daemon does not start with it, and no reload takes it"
                : "postern check says so",
        commands: none,
    },
    "daemon-absent": {
        summary: "no daemon runs",
        ...always("broken"),
        what: () => "no daemon runs: nobody can knock",
        why: () => "what is hidden stays hidden as long as its table is there, and open grants end on their time",
        commands: ({ service }) => (service ? ["systemctl start postern"] : []),
        advice: () => "postern run starts it in the foreground",
    },
    "not-at-boot": {
        summary: "a unit of ours is not started at boot",
        ...always("unsafe"),
        what: ({ unit }) => `${unit} is not started at boot`,
        why: () => "after the next start of this host nothing is hidden, or nobody comes in",
        commands: ({ unit }) => [`systemctl enable ${unit}`],
    },
    "table-lost": {
        summary: "the daemon cannot put its table in place",
        ...always("broken"),
        what: () => "the daemon runs, and the kernel has not its table as it is wanted",
        why: () => "somebody takes it away again and again, or the kernel refuses it: the log says which",
        commands: none,
        advice: () => "it is made again within a second where that can be done: nft monitor shows who changes rules",
    },
    "configuration-newer": {
        summary: "the configuration has changed since the daemon read it",
        ...always("note"),
        what: () => "the files of the configuration have changed since the daemon read them",
        why: () => "what runs is what they were before",
        commands: () => ["postern reload"],
    },
    "daemon-trouble": {
        summary: "journal, audit trail, one-time sequences or bundles do not work",
        ...always("broken"),
        what: ({ part, trouble }) => `${part}: ${trouble}`,
        why: () => "the daemon says so of itself (postern status)",
        commands: none,
        advice: () => "it goes on by itself when the reason is gone",
    },
    "target-fails": {
        summary: "bundles cannot be published at a target",
        ...always("broken"),
        what: ({ target, trouble, failures }) =>
            `bundles are not published to ${target}: ${trouble} (${failures === 1 ? "once" : `${failures} times`})`,
        why: () => "who fetches from there gets old sequences, and none when these are used up",
        commands: () => ["postern bundle publish"],
        advice: () => "mend what it says first; the daemon tries again by itself, too",
    },
    "daemon-said": {
        summary: "a warning or an error of the daemon's log",
        ...always("note"),
        what: ({ level, text, times }) => `the daemon said: ${level}: ${text}${times > 1 ? ` (${times} times)` : ""}`,
        why: () => "it may be over: warnings are remembered until the daemon ends",
        commands: none,
    },
    answers: {
        summary: "a service answers everyone although it is to be hidden",
        ...always("unsafe"),
        what: ({ service, at }) => `${service} is to be hidden and answers everyone at ${at.join(", ")}`,
        why: ({ table }) =>
            table
                ? "our table is there and does not hide it: it is not as the configuration says"
                : "our table is not in the kernel",
        commands: ({ daemon }) => [daemon ? "postern reload" : "systemctl start postern"],
    },
    published: {
        summary:
            "a hidden service is published by a container or a port forwarding, and our table does not keep strangers from it",
        ...always("unsafe"),
        what: ({ service }) =>
            `${service} is to be hidden, and is published to everyone by rewriting destinations (containers, port forwarding)`,
        why: () =>
            "our table has no chain for that: the daemon does not run, or nobody told it (rules of iptables-legacy)",
        commands: ({ daemon }) => [daemon ? "postern reload" : "systemctl start postern"],
    },
    refused: {
        summary: "a hidden service listens outside, so a rule answers strangers",
        ...always("note"),
        what: ({ service, at }) => `${service} listens at ${at.join(", ")}: strangers are refused by a rule`,
        why: () =>
            "scanners see it closed, crafted packets can tell that a rule answers, and without our table it is open",
        commands: none,
        advice: () => "let it listen on loopback alone and run postern lead (docs/hiding.md, Truly closed)",
    },
    "not-led": {
        summary: "a hidden service listens on loopback alone, and nobody is led to it",
        ...always("broken"),
        what: ({ service, at }) => `${service} listens at ${at.join(", ")} alone, and nobody is led there`,
        why: () => "whoever knocks finds it closed",
        commands: ({ service, unit }) =>
            unit ? [`systemctl enable --now ${leadUnit(service)}`] : [`postern lead ${service}`],
        advice: () => "it must be done again whenever the service listens anew, which the unit does by itself",
    },
    "led-once": {
        summary: "a hidden service is led to until it listens anew, and nobody does it again then",
        ...always("unsafe"),
        what: ({ service }) =>
            `${service} is led to, and will not be when it listens anew: ${leadUnit(service)} does not run, or not from boot on`,
        why: () => "after its next start, or a reload of sshd, whoever knocks finds it closed",
        commands: ({ service }) => [`systemctl enable --now ${leadUnit(service)}`],
    },
    spared: {
        summary: "a hidden service is open to everyone for a time, or by hand",
        ...always("unsafe"),
        what: ({ service }) => `${service} is to be hidden, and is open to everyone at this moment`,
        why: () =>
            "somebody has opened it by hand (postern unhide), or the time window after the start of this host is not over",
        commands: none,
        advice: ({ service }) => `postern hide ${service} hides it again, and so does the end of the window`,
    },
    "half-led": {
        summary: "a hidden service is led to over one family alone",
        ...always("note"),
        what: ({ service, family }) => `nobody is led to ${service} over ${family}`,
        why: () => "it listens on loopback of the other family alone: who knocks over this one finds it closed",
        commands: none,
        advice: ({ family }) => `let it listen at ${family === "IPv4" ? "127.0.0.1" : "::1"}, too`,
    },
    "nothing-listens": {
        summary: "nothing listens for a hidden service",
        ...always("note"),
        what: ({ service }) => `nothing listens on ${service} at this moment`,
        why: () => "whoever knocks finds it closed",
        commands: none,
        advice: () => "start the service, or mend opens of the door",
    },
    "udp-inside": {
        summary: "a hidden UDP service listens on loopback alone",
        ...always("broken"),
        what: ({ service }) => `${service} listens on loopback alone`,
        why: () => "UDP services cannot be led to there, so nobody can reach it",
        commands: none,
        advice: () => "let it listen outside: strangers are refused",
    },
    filtered: {
        summary: "another filter of this host drops those whom Postern lets in",
        ...always("broken"),
        what: ({ service, filter }) => `${filter} lets nobody in to ${service}, those who knocked neither`,
        why: () => "what one filter drops no other can let in",
        commands: ({ open }) => [open],
        advice: () =>
            "beside a door that hides it: where all other ports are silent, its resets stand out (docs/hiding.md)",
    },
    manager: {
        summary: "another program keeps a firewall here",
        ...always("note"),
        what: ({ name }) => `${name} keeps a firewall here, too`,
        why: () => "what it drops stays dropped, and what it lets in is hidden all the same (docs/hiding.md)",
        commands: none,
    },
    managers: {
        summary: "several programs keep a firewall here, and undo each other's",
        ...always("unsafe"),
        what: ({ names }) => `${names.join(" and ")} all load a firewall at boot`,
        why: () => "each takes away what another has loaded, so which rules hold depends on who was last",
        commands: ({ names }) => names.slice(1).map((name) => `systemctl disable --now ${name}`),
        advice: () => "keep the one whose rules you mean",
    },
    flushes: {
        summary: "a file takes all tables away when it is loaded, ours among them",
        severities: ["unsafe", "note"],
        severity: ({ daemon }) => (daemon ? "note" : "unsafe"),
        what: ({ file }) => `${file} begins with "flush ruleset", which takes our table away whenever it is loaded`,
        why: ({ daemon }) =>
            daemon
                ? "the daemon makes it again within a second, with its grants"
                : "and no daemon runs that would make it again",
        commands: none,
        advice: () => 'write "add table …", "delete table …" for each table of that file instead',
    },
    legacy: {
        summary: "rules of the old ip_tables are there beside those of nftables",
        ...always("note"),
        what: ({ tables }) =>
            `the old ip_tables has rules, too (${tables.join(", ")}): iptables-legacy-save shows them`,
        why: () => "a packet must pass both, and each tool shows half of it",
        commands: none,
    },
    "kernel-lacks": {
        summary: "the kernel lacks a part of nftables",
        severities: ["broken", "unsafe", "note"],
        severity: ({ feature }) => KERNEL[feature].severity,
        what: ({ feature }) => `this kernel lacks "${feature}" of nftables`,
        why: ({ feature }) => KERNEL[feature].why,
        commands: none,
        advice: () => "install the modules of this very kernel (uname -r), or a kernel that has them",
    },
    "clock-unsynchronised": {
        summary: "nobody keeps the clock right",
        severities: ["unsafe", "note"],
        severity: ({ needed }) => (needed ? "unsafe" : "note"),
        what: () => "the clock of this host is kept by nobody",
        why: ({ needed }) =>
            needed
                ? "bundles are good for a time, by the clocks of both sides"
                : "the log and the audit trail say when",
        commands: () => ["timedatectl set-ntp true"],
        advice: () => "where systemd-timesyncd is not there, install chrony",
    },
    "clock-behind": {
        summary: "the clock says that files of ours will be written in the future",
        ...always("broken"),
        what: ({ file, by }) => `the clock is behind: ${file} was written ${by} from now`,
        why: () => "what was used is refused by time, and bundles look older or younger than they are",
        commands: none,
        advice: () => "set the clock; if it is right now and was wrong then, touch that file",
    },
    "watches-nothing": {
        summary: "the daemon watches no interface",
        ...always("broken"),
        what: () => "the daemon watches no interface: no knock is seen",
        why: () => 'interfaces = "auto" takes those of default routes, and there are none',
        commands: none,
        advice: () => 'write interfaces = ["eth0"] into [gateway], with the name of yours',
    },
    "interface-missing": {
        summary: "an interface that the configuration names is not there",
        ...always("broken"),
        what: ({ name }) => `there is no interface ${name}, and the configuration names it`,
        why: () => "knocks are looked for there, and nowhere else",
        commands: none,
        advice: () => "mend the name; one that comes later is watched from then on",
    },
    unwatched: {
        summary: "interfaces with an address are not watched",
        ...always("note"),
        what: ({ names }) => `nobody can knock at ${names.join(", ")}: not watched`,
        why: () => "what is hidden is hidden there, too",
        commands: none,
        advice: () => "if somebody is to knock there, name all of them in interfaces of [gateway]",
    },
    "reverse-path": {
        summary: "the kernel drops what comes from elsewhere than its answer would go",
        ...always("note"),
        what: ({ name }) => `${name} has no default route and a strict reverse-path filter`,
        why: () => "knocks that come in there from outside its own networks are dropped before anybody sees them",
        commands: ({ name }) => [`sysctl -w net/ipv4/conf/${name}/rp_filter=2`],
        advice: () => "and a line in /etc/sysctl.d, so that it lasts; leave it if nobody knocks there",
    },
    "route-localnet": {
        summary: "neighbours can reach what listens on loopback",
        ...always("unsafe"),
        what: ({ name }) => `${name} takes packets to 127.0.0.0/8 from outside`,
        why: () =>
            "what listens on loopback can be reached from the network beside it: that is where hidden services are",
        commands: ({ name }) => [`sysctl -w net/ipv4/conf/${name}/route_localnet=0`],
    },
    "arp-tells": {
        summary: "neighbours are told of an inner address that granted sources are led to",
        ...always("unsafe"),
        what: ({ address }) => `this host answers ARP for ${address}, which is on lo and meant for lead_to alone`,
        why: () => "whoever is on the same wire can find it by asking",
        commands: () => ["sysctl -w net.ipv4.conf.all.arp_ignore=1"],
        advice: () => "and a line in /etc/sysctl.d, so that it lasts",
    },
    "not-forwarding": {
        summary: "this host does not forward, and a service is on a host behind it",
        ...always("broken"),
        what: ({ family, address }) => `this host does not forward ${family}, and a door leads to ${address} behind it`,
        why: () => "connections of those who knocked end here",
        commands: ({ family }) => [
            `sysctl -w ${family === "IPv4" ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"}=1`,
        ],
        advice: () => "and a line in /etc/sysctl.d, so that it lasts",
    },
    "nat-upstream": {
        summary: "this host has private addresses alone: a router in front of it must forward",
        ...always("note"),
        what: ({ addresses }) => `this host has private addresses alone (${addresses.join(", ")})`,
        why: () =>
            "whoever knocks from outside comes through a router, which must forward the services and every port of the knock",
        commands: none,
        advice: () => "forward all ports to this host, or choose sequences within the range that is forwarded",
    },
    sshd: {
        summary: "a setting of sshd that makes more of a knock than it should be",
        ...always("unsafe"),
        what: ({ setting, value }) => `sshd has ${setting} ${value}`,
        why: ({ setting }) => SSHD[setting].why,
        // The first value that sshd reads is the one that holds.
        commands: ({ setting, file, pid }) => [
            `sed -i '1i ${setting} ${SSHD[setting].better}' ${quoted(file)}`,
            `kill -HUP ${pid}`,
        ],
        advice: () => "be sure that you come in with a key, and keep this session meanwhile",
    },
    "secret-open": {
        summary: "others can read a secret, or change who comes in",
        ...always("unsafe"),
        what: ({ path, mode, excess }) =>
            `${path}: others can ${(excess & mode & 0o044) !== 0 ? "read" : "change"} it (mode ${mode.toString(8)})`,
        why: () => "it holds what opens doors, or decides who may",
        commands: ({ path, mode, excess }) => [`chmod ${(mode & ~excess).toString(8)} ${quoted(path)}`],
        advice: () => "if somebody may have read it, make new ones",
    },
}

function leadUnit(service: string): string {
    return `postern-lead@${service.replace("/", "-")}`
}

/** A word for a shell. */
function quoted(path: string): string {
    return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

/** A finding in words. */
export type Told = {
    readonly code: Finding["code"]
    readonly severity: Severity
    readonly what: string
    readonly why: string
    readonly commands: readonly string[]
    readonly advice: string | null
}

/** The words for a finding. */
export function tell(found: Finding): Told {
    // The only cast: TypeScript cannot see that the index picks the matching entry.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const entry = CATALOGUE[found.code] as Entry<Finding>
    return {
        code: found.code,
        severity: entry.severity(found),
        what: entry.what(found),
        why: entry.why(found),
        commands: entry.commands(found),
        advice: entry.advice?.(found) ?? null,
    }
}
