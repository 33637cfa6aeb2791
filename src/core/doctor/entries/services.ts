/** Services that doors open. */
import { always, type Entries, none } from "./entry.ts"

/** See the head of the file. */
export const SERVICE_ENTRIES: Entries<
    | "answers"
    | "published"
    | "refused"
    | "not-led"
    | "led-once"
    | "spared"
    | "half-led"
    | "nothing-listens"
    | "udp-inside"
    | "own-range"
    | "filtered"
> = {
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
    "own-range": {
        summary: "the port of a hidden service is among those that this host gives to connections of its own",
        ...always("note"),
        what: ({ service, range }) =>
            `${service} is among the ports that this host gives to connections of its own (${range.join(" to ")})`,
        why: () =>
            "none of them comes from a port that something listens on: whoever sees hundreds of thousands of them can tell",
        commands: ({ better }) => [`sysctl -w net.ipv4.ip_local_port_range="${better.join(" ")}"`],
        advice: ({ range }) => `and a line in /etc/sysctl.d, so that it lasts; or take a port below ${range[0]}`,
    },
    filtered: {
        summary: "another filter of this host drops those whom Postern lets in",
        ...always("broken"),
        what: ({ service, filter }) => `${filter} lets nobody in to ${service}, those who knocked neither`,
        why: () => "what one filter drops no other can let in",
        commands: ({ open }) => [open],
        advice: ({ open }) =>
            open.includes("mark")
                ? "put this rule where that filter keeps its own, or it is gone after the next start (docs/hiding.md, Hosts that drop by default)"
                : "where all other ports are silent the resets of this one would stand out: rather set mark in [gateway], and let in what bears it (docs/hiding.md, Hosts that drop by default)",
    },
}

function leadUnit(service: string): string {
    return `postern-lead@${service.replace("/", "-")}`
}
