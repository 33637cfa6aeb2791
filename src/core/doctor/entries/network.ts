/** Interfaces and addresses. */
import { always, type Entries, none } from "./entry.ts"

/** See the head of the file. */
export const NETWORK_ENTRIES: Entries<
    | "watches-nothing"
    | "interface-missing"
    | "unwatched"
    | "reverse-path"
    | "route-localnet"
    | "arp-tells"
    | "not-forwarding"
    | "nat-upstream"
> = {
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
}
