/** The sentences for what can be wrong with a knockd.conf: what is wrong, and how to mend it. None holds a hit. */
import { nearest } from "../config/suggest.ts"
import { problemText } from "../config/texts.ts"
import type { Fault, Oddity } from "./oddities.ts"
import { isShared, type KnockdProblem, type OwnProblem } from "./problems.ts"
import type { SequenceFault } from "./sequence.ts"
import { readable, trimmed, upper } from "./text.ts"

type Of<P, Key extends string> = {
    readonly [C in P extends { readonly [key in Key]: infer Code extends string } ? Code : never]: (
        problem: Extract<P, { readonly [key in Key]: C }>,
    ) => string
}
const OPTION_KEYS = "LogFile PidFile Interface UseSyslog AllowDuplicates Strict On_Start On_Stop".split(" ")
/** Those that take no value. */
const WORDS = ["UseSyslog", "AllowDuplicates", "Strict"]
const DOOR_KEYS = (
    "Sequence One_Time_Sequences Seq_Timeout Timeout TCPFlags Target Cmd_Timeout Start_Command Command " +
    "Start_Command_6 Command_6 Stop_Command Stop_Command_6 Seq_Cooldown Cooldown Strict"
).split(" ")
const FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg"]

const SEQUENCE_FAULTS: Readonly<Record<SequenceFault["fault"], string>> = {
    port: "no such port: ports are 1 to 65535",
    protocol: "no such protocol: write :tcp or :udp behind the port, or nothing for tcp",
    many: "more than 32 hits, and knockd takes no more: make the knock shorter",
}
const LONG = "longer than 4094 bytes: knockd takes the rest for a line of its own; make it shorter"

const FAULTS: Of<Fault, "fault"> = {
    section: () => "a section without a name: write [options], or the name of a door",
    "no-section": () => "stands in no section: write [options], or the name of a door in brackets, before it",
    key: (fault) => keyText(fault),
    flag: ({ flag }) => flagText(flag),
    port: () => SEQUENCE_FAULTS.port,
    protocol: () => SEQUENCE_FAULTS.protocol,
    many: () => SEQUENCE_FAULTS.many,
    "no-sequence": () => "this door has no knock: give it Sequence or One_Time_Sequences",
    unreadable: ({ path, detail }) =>
        path === ""
            ? "names no file of one-time sequences: write its path"
            : `${shownPath(path)}: ${detail}: the daemon reads this file of one-time sequences and marks used ones in it`,
    "used-up": ({ path }) => `${shownPath(path)}: every sequence in this file is used: write new ones into it`,
}

const ODD: Of<Oddity, "odd"> = {
    port: (oddity) => portText(oddity.text, oddity.port),
    rest: () => "more than a port and a protocol: knockd does not look at the rest; take it out",
    // A large one could be a port, which came here by mistake.
    number: ({ key, value }) => {
        const counts = Math.abs(value) < 1000 ? value : "another one"
        // knockd has never heard of a cooldown.
        const who = key.endsWith("COOLDOWN") ? "it counts as" : "knockd takes it for"
        return `not a plain number: ${who} ${counts}; write seconds, without a unit`
    },
    extra: () => "Postern only: knockd refuses this line, and with it the whole file",
    comment: () => "no comment can stand behind a value: # and what follows belong to it; give it a line of its own",
    long: () => LONG,
    nul: () => "a NUL character: knockd does not see what is behind it; take it out",
    again: () => "a section of this name was there before, and both are doors: join them, or give each its own name",
    options: () => "this is a door: the options are in [options], in small letters",
    name: () => "a name of more than 127 bytes, of which knockd keeps the first: make it shorter",
    syslog: () => "counts for all doors, wherever it stands: move it to [options]",
    twice: ({ counts }) => `stands twice in this section, and only the ${counts} counts: take the other out`,
    flags: () => "one flag must be set and must not: no TCP packet can be a hit; take one of them out",
    unusable: ({ fault, hit }) => `no sequence, and never used: hit ${hit + 1}: ${SEQUENCE_FAULTS[fault]}`,
}

const TEXTS: Of<OwnProblem, "code"> = {
    unreadable: ({ detail }) => `cannot be read: ${detail}`,
    fault: ({ fault }) => faultText(fault),
    odd: ({ oddity }) => oddText(oddity),
    "no-doors": () => "there is no door: nothing can be knocked at; write a section with a Sequence",
    scannable: () =>
        "a port scan opens this door: a single hit, neighbours in a row or one hit repeated; take 4 or more, far apart",
    "twice-running": () => "the same hit twice running: a packet that the network repeats counts as both; take another",
    repeated: ({ first }) => `the same hit as hit ${first + 1}: different ones are harder to guess`,
    "begins-alike": ({ door }) =>
        `begins with the knock of door ${shownName(door)}: whoever knocks here opens that one on the way ` +
        "(and knockd 0.8 only that one); begin differently",
    "any-packet": () =>
        "without TCPFlags every packet of an established connection is a hit, and spoils knocks: add TCPFlags = syn",
    "no-time": () => "no time for a second hit: only a door with a single one can open; 15 is plenty",
    "target-empty": () => "without an address knockd makes no filter and does not start: take the line out",
    "target-network": () => "a network, and knockd does not start with one: write a single address",
    "target-name": () =>
        "not an address: knockd compares texts, so that no packet ever matches a name; write the address",
    "target-form": ({ canonical }) =>
        `knockd compares texts, and no packet has its address written like this: write ${canonical}`,
    "no-command": () => "this door runs nothing, its knock is only logged: give it Start_Command",
    "empty-start": () => "an empty Start_Command runs nothing, and keeps Stop_Command from running: write one",
    "empty-stop": () => "an empty Stop_Command does nothing after Cmd_Timeout: write one, or take the line out",
    "stop-without-start": () => "runs only after a Start_Command, and there is none: add one, or take this out",
    "time-without-stop": () => "is the time until Stop_Command, and there is none: add one, or take this out",
    "stop-at-once": () => "Stop_Command is run at once, before anybody can connect: 10 is usual",
    "stop-never": () => "below 0 knockd waits for a century: Stop_Command never runs; 10 is usual",
    placeholder: () => "the source is written %IP%, in capitals and between two %: this one goes to the shell as it is",
    quoted: () => "the shell takes all of it for the name of one program: take the quotes around it away",
    "for-everyone": () => "opens a firewall without naming %IP%: one knock opens it for everybody",
    family: () =>
        "is run for IPv6 sources as well, and this program knows IPv4 alone: add the same key with _6, with ip6tables or empty",
    "too-long-when-expanded": () =>
        "longer than 4095 bytes with an IPv6 address for each %IP%: knockd does not run it; put it into a script",
    "no-program": () =>
        "there is no such program on this host, or it is not executable: put it there, or mend the path",
    "no-interface": ({ name, said }) =>
        said
            ? `there is no interface ${shownPath(name)} on this host: knockd does not start without it`
            : `no Interface, so that knockd listens on ${name}, which this host does not have: name one, or start it with -i`,
    interfaces: () => "Postern only: knockd listens on one interface, which it must find by its name",
    "auto-among": () => "auto stands for other interfaces, and must stand alone: take it out, or the others",
    "runs-nothing": () => "does nothing: write a command, or take the line out",
    "no-source": () => "is run when nobody knocks, so that there is no address for %IP%: take it out",
    "no-cooldown": () => "0 or below is no cooldown: write seconds, or take the line out",
    "no-directory": () =>
        "there is no such directory on this host: the file cannot be written; make it, or mend the path",
    relative: () => "a relative path: with -d knockd reads it from another directory after a SIGHUP; begin it with /",
    replayable: ({ doors }) =>
        `${doors === 1 ? "a fixed knock" : `${doors} doors have fixed knocks`}: whoever sees one on its way can ` +
        "repeat it; One_Time_Sequences cannot be repeated",
    "both-sequences": () => "this door has Sequence and One_Time_Sequences, and only the last counts: take one out",
    "file-shared": ({ door }) =>
        `door ${shownName(door)} uses the same file, so that one knock opens both and is used up for both: give each its own`,
    "file-few": ({ left }) => `${left} unused sequence${left === 1 ? "" : "s"} left: write new ones into it soon`,
    "line-without-blank": () =>
        "begins with its sequence, so that the mark of a used one hides a digit: begin lines with a blank",
    "line-again": ({ line }) =>
        `the same sequence as in line ${line}: whoever saw that one can repeat it; take one out`,
}

/** The sentence for a problem. It never holds a hit of a sequence: errors go into logs. */
export function knockdText(problem: KnockdProblem): string {
    if (isShared(problem)) return problemText(problem)
    // The only cast of this kind: TypeScript cannot see that the index picks the matching function.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (TEXTS[problem.code] as (problem: KnockdProblem) => string)(problem)
}

function faultText(fault: Fault): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (FAULTS[fault.fault] as (fault: Fault) => string)(fault)
}

function oddText(oddity: Oddity): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (ODD[oddity.odd] as (oddity: Oddity) => string)(oddity)
}

/** A name as a path and a sentence have it: in quotes if it is more than a word. */
export function shownName(name: string): string {
    return /^[\w-]+$/.test(name) ? name : JSON.stringify(readable(name))
}

/** A path or the name of an interface; not if it could be a sequence that stands in the wrong place. */
function shownPath(path: string): string {
    return /[A-Za-z/]/.test(path) ? readable(path) : "of this name"
}

/** What is shown of an unknown key: a word, never anything that could be a part of a sequence. */
function keyText({ key, value, goesOn, door }: Extract<Fault, { fault: "key" }>): string {
    if (goesOn) return LONG
    if (key.startsWith(";")) return "not a directive: a comment begins with #"
    if (key.startsWith("[")) return "not a section: its name ends with ], and nothing stands behind that"
    const inDoor = door !== null
    const [here, there] = inDoor ? [DOOR_KEYS, OPTION_KEYS] : [OPTION_KEYS, DOOR_KEYS]
    const same = (known: string) => upper(known) === upper(key)
    const bare = WORDS.find(same)
    if (bare !== undefined && value) return `${bare} takes no value: write it alone`
    const home = inDoor ? "[options]" : "the section of a door"
    const known = here.find(same)
    if (known !== undefined && !value) return `${known} needs a value: write ${known} = …`
    const elsewhere = there.find(same)
    if (elsewhere !== undefined) return `${elsewhere} does nothing here: it belongs into ${home}`
    if (!/^[A-Za-z_]+(_6)?$/.test(key))
        return `not a directive: each is written KEY = VALUE${value ? "" : ", on one line"}`
    const near = nearest(key, [...here, ...there])
    if (near === null) return `${key} is no directive of knockd: see knockd(1) for those there are`
    return `${key} is no directive of knockd: did you mean ${near}${here.includes(near) ? "" : `, in ${home}`}?`
}

function flagText(flag: string): string {
    const word = flag.replace(/^!+/, "")
    const all = `${FLAGS.slice(0, -1).join(", ")} and ${FLAGS.at(-1)}`
    if (FLAGS.some((known) => upper(known) === trimmed(word)) && word !== trimmed(word)) {
        return "no blanks can stand around a flag: write syn,!ack"
    }
    const near = /^[A-Z]+$/.test(word) ? nearest(word, FLAGS) : null
    return near === null
        ? `not a flag: there are ${all}, each perhaps with one ! in front`
        : `not a flag: did you mean ${near}?`
}

function portText(text: string, port: number): string {
    if (text === "") return "no port between two commas: knockd takes it for port 0, where nobody can knock"
    if (!/^[+-]?\d/.test(text)) return "not a number: knockd takes it for port 0, where nobody can knock"
    if (text.startsWith("-")) return "below 0: knockd takes it for another port; write that port"
    if (/^\+?\d{6,}/.test(text)) return "far too large: knockd takes it for another port; write that port"
    if (port === 0) return "port 0: nobody can knock there"
    if (/^\d+(?:[\t-\r ;.-]+\d+)+$/.test(text))
        return "only commas separate hits: knockd takes the first number alone; write commas"
    return "not a plain number: knockd takes its first digits; write them alone"
}
