/** Other firewalls of this host, and what its kernel has for ours. */
import type { KernelFeature } from "../facts.ts"
import type { Severity } from "../finding.ts"
import { always, type Entries, none } from "./entry.ts"

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
    learns: {
        severity: "note",
        why: "it cannot remember sources (nft_dynset): a packet socket takes the place of a log group",
    },
    ranges: {
        severity: "broken",
        why: "it cannot look for a network and a port at once (Linux 5.6 can): `always` lets nobody in",
    },
    nat: { severity: "broken", why: "it cannot lead elsewhere (nft_nat, Linux 5.2): `lead_to` lets nobody in" },
    borrow: {
        severity: "broken",
        why: "postern lead cannot borrow a socket (pidfd_getfd, Linux 5.6): let systemd listen, with Transparent=yes",
    },
}

/** See the head of the file. */
export const FIREWALL_ENTRIES: Entries<"manager" | "managers" | "flushes" | "legacy" | "kernel-lacks"> = {
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
        summary: "the kernel lacks a part that this configuration needs",
        severities: ["broken", "unsafe", "note"],
        severity: ({ feature }) => KERNEL[feature].severity,
        what: ({ feature }) => `this kernel lacks "${feature}"`,
        why: ({ feature }) => KERNEL[feature].why,
        commands: none,
        advice: () => "install the modules of this very kernel (uname -r), or a kernel that has them",
    },
}
