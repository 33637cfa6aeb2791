/**
 * Random knockd.conf files with their files of one-time sequences. A character is a byte (ISO 8859-1), as knockd sees
 * them. Most lines are well written, so that what comes after an odd one is read too; about half of the files have one
 * line that is a mistake.
 */
import fc from "fast-check"

/** One configuration, the files beside it, and whether `-i` names an interface. */
export type ConfCase = {
    readonly conf: string
    readonly files: Readonly<Record<string, string>>
    readonly interfaceNamed: boolean
}

/** An interface that no host has. */
export const NO_INTERFACE = "nosuch0"

type Text = fc.Arbitrary<string>

const pick = fc.constantFrom
const one = (...weighted: readonly (readonly [number, Text])[]) =>
    fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))
const join = (...parts: readonly (Text | string)[]) =>
    fc
        .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
        .map((texts) => texts.join(""))
const listed = (of: Text, minLength: number, maxLength: number) =>
    fc.array(of, { minLength, maxLength }).map((texts) => texts.join(","))
/** Some of the letters the other way round. */
const anyCase = (word: string) =>
    fc.array(fc.boolean(), { minLength: word.length, maxLength: word.length }).map((turned) =>
        word
            .split("")
            .map((letter, i) => (turned[i]! ? letter.toUpperCase() : letter))
            .join(""),
    )
const bytes = (maxLength: number) =>
    fc
        .array(fc.integer({ min: 0, max: 255 }), { maxLength })
        .map((codes) => String.fromCharCode(...codes).replaceAll("\n", " "))
/** Around the size of one of knockd's buffers. */
const long = (size: number) =>
    fc
        .tuple(fc.integer({ min: size - 12, max: size + 12 }), pick("x", "#", " x", "=", "[d]"))
        .map(([length, unit]) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length))

const blank = pick("", "", "", "", " ", "\t", "  ", "\v", "\f ", " \r ")

/** What atoi(3) makes something of. */
const NUMBERS = (
    "-1|-0|+5|0|00|007|65535|-65536|-65537|0x10|1e3|1.5|5 6|6#7|7;|--1|+-1|- 1|abc|!22|ssh|1m||\xa05|\v8|1\x002|\x1f3|" +
    "5\xa0|2147483648|4294967296|4294967297|-2147483648|-2147483649|9223372036854775808|-9223372036854775809|" +
    "99999999999999999999999|-99999999999999999999"
).split("|")
const BIG = "65536|70000|99999999999|2147483647| 70000 |070000|+65536|70000x".split("|")
const number = one([2, fc.integer({ min: 1, max: 300 }).map(String)], [1, pick(...NUMBERS, ...BIG)])

const port = one([12, fc.integer({ min: 1, max: 65_535 }).map(String)], [1, pick(...NUMBERS)])
const protocol = one(
    [8, pick("", "", ":tcp", ":udp")],
    [1, pick(":TCP", ":Udp", ": tcp ", "\t:\tudp\t", ":tcp:", ":udp:x", ":tcp:70000:icmp")],
)
const element = join(blank, port, blank, protocol, blank)
const sequence = one([12, listed(element, 1, 6)], [1, listed(element, 31, 32)])
const badElement = one(
    [1, pick("1:icmp", "1:", "::udp", "1: ", "1:tcp\xa0", "1:ud p", "1:any")],
    [1, join(pick(...BIG), protocol)],
)
const badSequence = one(
    [2, fc.tuple(sequence, badElement, sequence).map((parts) => parts.join(","))],
    [2, badElement],
    [1, listed(element, 33, 36)],
)

const flag = join(pick("", "", "!"), pick("fin", "syn", "rst", "psh", "ack", "urg").chain(anyCase))
const flags = listed(flag, 1, 4)
const badFlags = one(
    [1, pick("", "syn, ack", "syn,,ack", "syn,", "ece", "!", "!!syn", "! syn", "syn;ack", "\xe4", "syn # new", "any")],
    [1, fc.tuple(flags, bytes(4)).map((parts) => parts.join(","))],
)

const text = one(
    [8, pick("true", "/bin/echo %IP%", "iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "")],
    [4, pick("a = b = c", "echo # no comment", "#all", "[x]", "%ip%", "a\x00b", '"quoted"', "\xe9t\xe9")],
    [3, bytes(20)],
    [1, fc.oneof(long(127), long(4080), long(8175))],
)
/** Files that are there, and some that no knock is left in. */
const goodPath = one([9, pick("once", "twice", "./once")], [1, pick("spent", "empty", "bad")])
const badPath = one([3, pick("none", "", ".", "k.conf/x", "/nonexistent/once", "once\xa0", "once x")], [1, long(300)])

const directive = (key: string, value: Text) =>
    join(blank, one([5, fc.constant(key)], [1, anyCase(key)]), blank, "=", blank, value, blank)
const useSyslog = join(blank, anyCase("usesyslog"), blank)
const comment = pick("", " ", "# comment", "\t#[d]", "##", "\r", "\f\v", "\x00hidden", "#\x00[x]", " \x00= 1", "#\r#")

/** Nothing is written but below the directory of the case. */
const OPTIONS: Readonly<Record<string, Text>> = {
    logfile: pick("log", "/nonexistent/log", "", "/dev/null", "log # file", "a = b", "l\xf6g"),
    pidfile: pick("pid", "/nonexistent/pid", "", "p # q"),
    interface: one([3, pick("eth0", "lo", "any", "eth0,eth1", "")], [1, bytes(8)], [1, long(32)]),
}
const option = one(
    [6, pick("logfile", "pidfile", "interface").chain((key) => directive(key, OPTIONS[key]!))],
    [1, useSyslog],
    [1, comment],
)
/** What we take and knockd refuses. */
const bare = (...words: readonly string[]) => join(blank, pick(...words).chain(anyCase), blank)
const extraOption = one(
    [2, bare("allowduplicates", "strict")],
    [2, pick("on_start", "on_stop").chain((key) => directive(key, text))],
)
const extraDoorLine = one(
    [2, pick("seq_cooldown", "cooldown").chain((key) => directive(key, number))],
    [1, bare("strict")],
)
const doorLine = one(
    [6, pick("seq_timeout", "timeout", "cmd_timeout").chain((key) => directive(key, number))],
    [5, pick("start_command", "command", "stop_command", "target").chain((key) => directive(key, text))],
    [3, pick("start_command_6", "command_6", "stop_command_6").chain((key) => directive(key, text))],
    [3, directive("tcpflags", flags)],
    [2, directive("sequence", sequence)],
    [1, directive("one_time_sequences", goodPath)],
    [1, useSyslog],
    [2, comment],
)
const name = one(
    [27, pick("d", "open", "a", "b", "ssh door", " d ", "Options", "OPTIONS", "options ", "d]x", "[d", "=", "#")],
    [3, bytes(9)],
    [1, fc.oneof(long(127), long(255), long(4090))],
)
const header = join(blank, "[", name, "]", blank)
const mistake = one(
    [
        2,
        pick(
            "[]",
            "[d",
            "d]",
            "[d] x",
            "; c",
            "sequence",
            "=",
            "= 1",
            "x",
            "foo = 1",
            "usesyslog = yes",
            "usesyslog =",
        ),
    ],
    [
        1,
        pick(
            "allowduplicates",
            "on_stop = x",
            "cooldown = 5",
            "strict =",
            "strict = yes",
            "allowduplicates = 1",
            "on_start",
            "seq_cooldown",
            "on stop = x",
            "on_start: x",
        ),
    ],
    [1, pick("\xef\xbb\xbf", "interface = lo", "logfile = log", "sequence: 1,2", "[options] # one", "tcp flags = syn")],
    [2, directive("sequence", badSequence)],
    [2, directive("tcpflags", badFlags)],
    [2, directive("one_time_sequences", badPath)],
    [1, join("[", name, "]")],
    [1, bytes(12)],
)

type Lines = fc.Arbitrary<readonly string[]>

const optionsOf = (line: Text): Lines => fc.array(line, { maxLength: 4 }).map((lines) => ["[options]", ...lines])
const knock = one([4, directive("sequence", sequence)], [1, directive("one_time_sequences", goodPath)])
/** What a door needs stands anywhere among the rest. */
const doorOf = (line: Text): Lines =>
    fc
        .tuple(header, knock, fc.array(line, { maxLength: 6 }), fc.nat(6))
        .map(([head, needed, lines, at]) => [head, ...lines.toSpliced(at, 0, needed)])
const sectionsOf = (option: Text, doorLine: Text) =>
    fc.array(fc.oneof({ weight: 1, arbitrary: optionsOf(option) }, { weight: 4, arbitrary: doorOf(doorLine) }), {
        maxLength: 4,
    })
/** One of seven may have what only we take, and then more than one line of it. */
const sections = fc.oneof(
    { weight: 6, arbitrary: sectionsOf(option, doorLine) },
    { weight: 1, arbitrary: sectionsOf(one([2, option], [2, extraOption]), one([6, doorLine], [1, extraDoorLine])) },
)

const oneTimeLine = one(
    [30, join(blank, sequence, blank)],
    [20, join(pick("#", " #", "# "), sequence)],
    [12, pick("", " ", "# comment", "\r", "\x00", "1,2\x003,4", "[d]", "sequence = 1")],
    [12, join(blank, badSequence)],
    [2, fc.oneof(long(4090), long(8180), fc.constant(`${" ".repeat(4093)}1,2`))],
)
const usedUp = one([2, join("#", sequence)], [1, pick("", " # none", "\t")])
const lineEnd = one([6, fc.constant("\n")], [1, fc.constant("\r\n")])
const file = (line: Text, maxLength: number) =>
    fc
        .tuple(fc.array(line, { maxLength }), lineEnd, fc.boolean())
        .map(([lines, end, last]) => lines.join(end) + (last ? end : ""))

/** Any of them, whole or broken. */
export const confCase: fc.Arbitrary<ConfCase> = fc
    .record({
        sections,
        wrong: fc.option(fc.tuple(mistake, fc.nat(40))),
        end: lineEnd,
        last: fc.boolean(),
        files: fc.record({
            once: file(oneTimeLine, 6),
            twice: file(oneTimeLine, 3),
            spent: file(usedUp, 3),
            bad: file(join(blank, badSequence), 3),
            empty: fc.constant(""),
        }),
        interfaceNamed: fc.boolean(),
    })
    .map(({ sections, wrong, end, last, files, interfaceNamed }) => {
        let lines = sections.flat()
        if (wrong !== null) lines = lines.toSpliced(wrong[1] % (lines.length + 1), 0, wrong[0])
        // knockd would listen on eth0 of this host. The first name counts, so that others may follow.
        if (!interfaceNamed) lines = ["[options]", `interface = ${NO_INTERFACE}`, ...lines]
        return { conf: lines.join(end) + (last ? end : ""), files, interfaceNamed }
    })
