/** The sentences for what can be wrong with a configuration: what is wrong, and how to mend it. */
import { formatDuration } from "../knock/language.ts"
import { refusalText } from "../knock/texts.ts"
import type { Kind, Problem, Trouble, Unread } from "./issues.ts"

type Texts = { readonly [C in Problem["code"]]: (problem: Extract<Problem, { code: C }>) => string }

const KINDS: Readonly<Record<Kind, string>> = {
    address: 'an address such as "192.0.2.1"',
    addresses: 'an address such as "192.0.2.1", or a list of them',
    argument: "a text in quotes",
    arguments: 'a list of a program and its arguments, such as ["/usr/bin/wake", "{source}"]',
    boolean: "true or false, without quotes",
    bundles: "a table: [bundles], once",
    capture: '"auto", "nflog" or "packet-socket"',
    firewall: '"auto", "nftables" or "iptables"',
    command: "a table: [door.command] with start and perhaps stop",
    door: "a table: [[door]], with two brackets on either side",
    doors: 'a list of door names, such as ["ssh"]',
    duration: 'a duration such as "15s" or "1h30m", in quotes',
    events: 'a list of events out of "grant", "end", "refusal", "hiding" and "trouble"',
    flags: 'flags such as "syn,!ack"',
    gateway: "a table: [gateway], once",
    hide: 'a table: [hide], with lines such as "tcp/22" = true',
    hit: 'a hit such as "32144", "21312:udp" or "icmp:321"',
    hits: 'a list of hits, such as ["PORT", "PORT:udp", "icmp:SIZE"]',
    hook: "a table: [[hook]], with two brackets on either side",
    host: 'a host name or an address such as "gw.example.org"',
    integer: "a whole number, without quotes",
    interfaces: '"auto", "any" or a list such as ["eth0", "wg0"]',
    key: "a public key in quotes, as its line of text",
    keys: 'a list of public keys, such as ["ssh-ed25519 AAAA…", "age1…"]',
    knocker: "the file of a knocker, with keys",
    mark: 'one bit of a mark, such as "0x10000000"',
    name: 'a name such as "ssh"',
    network: 'a network such as "192.0.2.0/24"',
    networks: 'a list of networks, such as ["192.0.2.0/24", "2001:db8::/32"]',
    "one-time": "a table: [door.one_time] with length and window",
    path: 'an absolute path such as "/var/lib/postern"',
    place: 'an address such as "10.0.0.5" or "[fd00::5]:2222"',
    places: 'a list of an address of either family, such as ["10.0.0.5", "[fd00::5]:2222"]',
    ports: 'a range of ports such as "10100-32000"',
    protocols: 'a list out of "tcp", "udp" and "icmp"',
    publish: "a table: [[bundles.publish]] with directory, put or run",
    sequence: "a table: [door.sequence] with hits and within",
    service: 'a service such as "tcp/22"',
    services: 'a list of services, such as ["tcp/22"]',
    text: "a text in quotes",
    url: 'an address such as "https://example.org/knock/"',
    widths: "prefix lengths such as { v4 = 24, v6 = 64 }: a grant is for the knocker's network",
    uses: "1: a grant is good for one connection; left out: for all while it is open",
}

const UNREAD: Readonly<Record<Unread, Readonly<Record<Exclude<Trouble, "permission">, string>>>> = {
    configuration: {
        missing:
            "there is no such file: make one, or name another with --config (postern.toml(5) begins with an example)",
        "not-a-file": "not a file",
        "not-utf8": "not UTF-8 text: save it as UTF-8",
        "too-large": "larger than any sensible configuration (1 MiB a file, 4 MiB together): is it the right file?",
        failed: "cannot be read",
    },
    knocker: {
        missing: "a link that leads nowhere: mend it, or take it away",
        "not-a-file": "not a file: the file of a knocker is meant to be here",
        "not-utf8": "not UTF-8 text: save it as UTF-8",
        "too-large": "larger than any sensible file of a knocker (256 KiB): is it the right file?",
        failed: "cannot be read",
    },
    knockers: {
        missing: "there is no such directory: postern user add makes it",
        "not-a-file": "not a directory: `users` of [bundles] names the one with the files of knockers",
        "not-utf8": "cannot be read",
        "too-large": "cannot be read",
        failed: "cannot be read",
    },
}

const TEXTS: Texts = {
    unreadable: ({ what, trouble, detail }) => UNREAD[what][trouble] + (detail === "" ? "" : `: ${detail}`),
    forbidden: () =>
        "no permission to read it: run as root, or as the user whom the daemon runs as; if that is the daemon itself, its user or group must own it (chgrp, chmod 640)",
    syntax: ({ detail }) => `not valid TOML: ${detail}`,
    "unknown-key": ({ key, table, near, home }) => {
        const wrong = `${JSON.stringify(key)} is not a key of ${table}`
        if (near === null) return `${wrong}: see postern.toml(5) for those there are`
        if (home === null) return `${wrong}: did you mean ${near}?`
        return near === key ? `${wrong}: it belongs into ${home}` : `${wrong}: did you mean ${near}, in ${home}?`
    },
    later: ({ key }) =>
        `${key} is not in this version of postern: take it out; a door needs a [door.sequence] or a [door.one_time]`,
    missing: ({ kind }) =>
        kind === "sequence"
            ? "missing: a door needs its knock, [door.sequence] with hits, or [door.one_time]"
            : `missing: give it ${KINDS[kind]}`,
    type: ({ kind }) => `should be ${KINDS[kind]}`,
    refused: ({ word, refused, secret }) => refusalText(word, refused, secret),
    network: () =>
        "not a network: written 192.0.2.0/24, 2001:db8::/32 or a bare address, and the bits after the prefix are 0",
    address: () => "not an IPv4 or IPv6 address (without prefix, port or zone)",
    name: () => "not a name: 1 to 64 letters, digits, - _ or ., the first a letter or digit",
    interface: () => "not the name of an interface: 1 to 15 characters, no blank, no /",
    relative: ({ kind }) =>
        kind === "program"
            ? "the program must be an absolute path: there is no search path and no shell"
            : "must be an absolute path",
    argument: () => "a NUL character cannot be passed to a program: take it out",
    placeholder: ({ name, near, there }) =>
        `unknown placeholder ${name}` +
        (near === null
            ? `: there are ${there.slice(0, -1).join(", ")} and ${there.at(-1)}`
            : `: did you mean ${near}?`),
    range: ({ least, most }) => `must be ${least} to ${most}`,
    "duration-range": ({ least, most }) => `must be ${formatDuration(least)} to ${formatDuration(most)}`,
    "power-of-two": ({ near }) => `must be a power of two: ${near} is near`,
    count: ({ least, most }) => `must be a list of ${least} to ${most}`,
    "listed-twice": () => "stands twice in the list: take one out",
    "second-gateway": ({ file }) => `[gateway] can be there only once over all files, and is in ${file} already`,
    "second-bundles": ({ file }) => `[bundles] can be there only once over all files, and is in ${file} already`,
    "hidden-twice": ({ file }) => `[hide] says something of this service already, in ${file}: take one of them out`,
    "no-way-in": () =>
        "no door opens this service, so nobody could come in: add it to `opens` of a door, or take this out",
    "needs-bundles": () =>
        "one-time sequences need to know who gets them: add [bundles] with the name of this gateway, and users",
    "one-target": () => "one target is one of directory, put and run: give each a [[bundles.publish]] of its own",
    host: () => "not a host name or an address: 64 characters at most, without port",
    url: () => "not an address that files can be behind: http:// or https://, no password or ?, a / at its end",
    ports: () => 'not a range of ports: written "10100-32000", the smaller first',
    "small-pool": ({ hits, least }) =>
        `only ${hits} hits to draw from, ${least} are the least: take a wider range, or more protocols`,
    "short-lifetime": () => "bundles would run out before they are made anew: every must be less than lifetime",
    "too-many-upcoming": ({ upcoming, most }) =>
        `${upcoming} sequences would be accepted, ${most} are the most: take a smaller window, or name the doors of knockers`,
    fixed: () => "cannot change while the daemon runs: restart it, or take the change back",
    "no-doors": () => "there is no [[door]]: without one there is nothing to knock at",
    "second-door": ({ name, file }) => `a second door called ${name} (the first is in ${file}): give each its own name`,
    "second-hook": ({ name, file }) => `a second hook called ${name} (the first is in ${file}): give each its own name`,
    "too-many-hooks": ({ most }) => `more than ${most} hooks over all files: one program can do more than one thing`,
    "closes-unknown": ({ name, near }) =>
        `there is no door called ${JSON.stringify(name)}` + (near === null ? "" : `: did you mean ${near}?`),
    "closes-itself": () => "a door cannot close itself: give the closing knock a door of its own",
    "does-nothing": () => "this door opens nothing, closes nothing and runs nothing: give it opens, closes or command",
    "needs-opens": ({ key }) => `${key} has no meaning for a door that opens nothing: add opens, or take it out`,
    "uses-one-service": () =>
        "uses is for a door that opens one service: every connection counts, so give each service a door of its own",
    "uses-at": () => "uses are counted where connections to this host begin: take out uses, or at",
    "needs-hide": ({ key }) => `${key} is for hidden services: add hide = true`,
    place: () =>
        'not an address with or without a port: written "10.0.0.5", "10.0.0.5:2222", "fd00::5" or "[fd00::5]:2222"',
    mark: () => 'not one bit of a mark: written "0x1" to "0x80000000", with one bit set',
    "at-or-lead-to": () => "services at addresses behind this host are not led anywhere: take out at, or lead_to",
    "place-twice": () => "a second place of this family: connections are led to one",
    "place-port": () =>
        "the services have different ports, and all would be led to this one: give them doors of their own",
    "place-loopback": () =>
        "nothing is led to loopback by changing its destination: take an address of your own on lo, or see postern-lead(1)",
    elsewhere: ({ service, door }) =>
        `door ${door} opens ${service} in another place, and a grant names a source and a service, not a place: let one of them be reached by another port`,
    "needs-stop": () => "after is the time until stop, and there is no stop: add it, or take this out",
    scannable: () =>
        "a port scan would open this door: a single hit, neighbours in a row or one hit repeated; take 4 or more, far apart",
    "too-many-views": ({ most }) =>
        `more than ${most} different combinations of flags and target: let doors share some of them`,
    "too-many-lengths": ({ most, family }) =>
        `more than ${most} different prefix lengths of ${family} networks, each of which costs every packet a look-up: let doors share some of them`,
    "too-many-doors": ({ most, doors }) => `${doors} doors are more than the ${most} that there can be over all files`,
    key: ({ why }) => why,
    "knocker-door": ({ name, near }) =>
        `there is no door called ${JSON.stringify(name)} that has one-time sequences` +
        (near === null ? ": doors left out means all that have" : `: did you mean ${near}?`),
    "too-many-knockers": ({ most }) => `more than ${most} knockers: a gateway has no room for more`,
    "too-many-problems": ({ most }) => `more than ${most} problems: mend those before it, and look again`,

    "too-many-doubts": ({ most }) => `more than ${most} warnings and notes: the others are not shown`,
    short: ({ hits, bits }) => `only ${hits} hits, at most ${bits} bits to guess: take 4 or more`,
    "in-order": ({ order }) =>
        `the ports are ${order}, as scanners try them: mix them, with some wide steps down and some up`,
    guessable: ({ bits }) =>
        `the hits lie close together, about ${bits} bits to guess: choose them at random from all ports`,
    published: () => "this very sequence stands in a manual that everybody can read: make your own",
    "twice-running": () =>
        "the same hit twice running: browsers and nc repeat packets by themselves, and at this port that cannot be forgiven",
    repeated: ({ first }) => `the same hit as hits[${first}]: different ones are harder to guess`,
    "own-service": ({ door }) =>
        `this is the service that door ${door} opens: an impatient client makes hits there and spoils knocks`,
    listening: () => "something listens on this port: its clients will spoil knocks, or make hits without knowing",
    "well-known": () => "a port that scanners and strangers visit anyway: take one that nobody knows",
    "browsers-refuse": () => "web browsers refuse to connect to this port: nobody can knock with a browser",
    "ping-default": () => "a plain ping has this size: take another, such as one between 100 and 1400",
    fragments: () => "an echo request of this size is sent in fragments on most paths, and may get lost: at most 1400",
    "flags-not-new": () =>
        'packets of established connections are hits too, and will spoil knocks: "syn,!ack" takes only new ones',
    "long-window": () => "more than a minute: the longer the window, the more time a guesser has; 15s is plenty",
    "long-grant": () =>
        "more than an hour, for a knock that whoever saw it can repeat: connections live on when it ends, so 30s is enough",
    "same-knock": ({ door }) => `the same knock as door ${door}: it opens both`,
    "ends-alike": ({ door }) => `ends with the knock of door ${door}: whoever knocks here opens both`,
    contains: ({ door }) => `holds the knock of door ${door}: whoever knocks here opens that one on the way`,
    "not-hidden": ({ services }) =>
        `without hide, Postern leaves ${services} as it is, open or closed: ` +
        "postern hide hides it, on trial first, and hide = true at once, unless the host's own rules or a command use the grant",
    "nothing-listens": ({ service }) => `nothing listens on ${service} at this moment`,
    "no-program": () =>
        "there is no such program on this host, or it is not executable: put it there, chmod +x it, or mend the path",
    "no-group": () =>
        "there is no such group on this host, so that root alone could ask: make it with groupadd --system",
    "no-directory": () =>
        "there is no such directory on this host, so nothing can be published there: make it, for the user whom the daemon runs as",
    "not-its-program": () =>
        "the user whom the daemon runs as, who has the directory `state`, cannot run it: chmod a+x it and open the way to it",
    "not-its-directory": () =>
        "the user whom the daemon runs as, who has the directory `state`, cannot write there: chown it to that user",
    "not-its-file": () =>
        "there is no such file, or the user whom the daemon runs as cannot read it, so nothing is put there: make it, and give it to that user (chown), or to his group (chgrp, chmod 640)",
    "not-readable": () =>
        "the user whom the daemon runs as, who has the directory `state`, cannot read it: give it to that user (chown), or to his group (chgrp, chmod 640)",
    "headers-readable": () =>
        "others than its owner and its group can read this file, or others than its owner change it, and the daemon refuses to send what is in it: chmod 640",
    "hide-unused": () => "nothing hides this service: this line changes nothing",
    "always-everyone": () => "everyone: nobody needs to knock, and the service is not hidden at all",
    "always-unhidden": () => "always has no effect without hide = true: the service is not kept from anyone",
    "uniform-unused": () => "uniform has no effect with a packet socket",
    "wide-network": ({ family, prefix }) =>
        family === "IPv4"
            ? `one knock lets ${2 ** (32 - prefix)} addresses in, and whoever is behind them: strangers, with most providers`
            : `one knock lets in whole networks of others: /64 is one household, and holds all addresses that a host gives itself`,
    "uses-unhidden": () => "uses has no effect without hide = true: whoever comes needs no grant to waste",
    "uses-without-nftables": () =>
        'iptables cannot count the uses of a grant: take uses out, or take firewall = "nftables"',
    "nflog-without-nftables": () =>
        'nflog is asked for by rules of nftables: capture = "packet-socket" goes with firewall = "iptables"',
    "no-knockers": () => "nobody has keys for this door, so nobody can open it so: see postern user add",
    odds: ({ bits }) =>
        `a guesser needs only 2^${bits} hits until a door is open: take a greater length, a wider range or more protocols`,
    "bundles-unused": () => "no door has [door.one_time]: there are no sequences to publish",
    "nothing-published": () => "there is no [[bundles.publish]]: bundles are made for those who ask here alone",
    "headers-in-clear": () => "these headers go over the wire for all to read: put to https:// instead",
    readable: () => "everybody on this host can read the sequences in this file: chmod o=",
    writable: () => "others than its owner can change this file, and the daemon does what it says: chmod go-w",
    "key-unusable": ({ why }) => `${why}: no file is encrypted to it: put a new one in its place`,
    "knocker-name": () =>
        "not the file of a knocker, and left out: that is called NAME.toml, with 1 to 64 letters, digits, - _ or . in NAME, which is not unknown",
    "knockers-missing": () => "there is no such directory, so there are no knockers: postern user add makes it",
    "knockers-writable": () =>
        "others than its owner can change who the knockers are, and the daemon lets them in: chmod go-w",
}

/** Is this the name of a kind? */
export function isKind(text: string): text is Kind {
    return Object.hasOwn(KINDS, text)
}

/** The sentence for a problem. It never holds a hit of a sequence: errors go into logs. */
export function problemText(problem: Problem): string {
    // The only cast: TypeScript cannot see that the index picks the matching function.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const text = TEXTS[problem.code] as (problem: Problem) => string
    return text(problem)
}
