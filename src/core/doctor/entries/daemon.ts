/** The daemon, its configuration and what it says of itself. */
import { always, type Entries, none } from "./entry.ts"

/** See the head of the file. */
export const DAEMON_ENTRIES: Entries<
    | "configuration"
    | "daemon-absent"
    | "not-at-boot"
    | "table-lost"
    | "configuration-newer"
    | "daemon-trouble"
    | "target-fails"
    | "daemon-said"
> = {
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
        why: ({ unit }) =>
            unit === "postern-grace"
                ? "`grace` is set, and after a start of this host without a daemon nobody comes in"
                : "after the next start of this host nothing is hidden, or nobody comes in",
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
}
