import { spawnSync } from "node:child_process"
import fc from "fast-check"
import { describe, expect, it, test } from "vitest"
import { readConfig } from "../../../../src/core/config/parse.ts"
import { formatService } from "../../../../src/core/knock/language.ts"
import { argvOf } from "../../../../src/core/knockd/import/command.ts"
import { importKnockdConf } from "../../../../src/core/knockd/import/import.ts"
import { readPlan } from "../../../../src/core/knockd/import/plan.ts"
import { readWords } from "../../../../src/core/knockd/import/words.ts"
import { importVectors } from "../../../../tools/vectors/import.ts"

const ORIGIN = { name: "knockd.conf", readable: false }
const OPEN = "/sbin/iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT"
const CLOSE = OPEN.replace("-I", "-D")

const iptables = (more: string) => `iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT ${more}`

/** `opens tcp/22 for 30 by stop`, `closes tcp/22`, `runs: WHY …`. */
function told(start: string, stop: string | null = null, seconds = 10): string {
    const plan = readPlan(start, stop, seconds)
    if (plan.plan === "run") return `runs: ${Object.values(plan.why).join(" ")}`
    if (plan.plan === "nothing") return "nothing"
    const services = plan.services.map(formatService).join(" ")
    if (plan.plan === "close") return `closes ${services}`
    return `opens ${services}${plan.for === null ? "" : ` for ${plan.for.ms / 1000} by ${plan.for.by}`}`
}

describe("readPlan() knows openings", () => {
    test.each([
        [OPEN, "opens tcp/22"],
        ["iptables -w -A INPUT -p 6 --source=%IP%/32 --dport=ssh --jump ACCEPT", "opens tcp/22"],
        ["ip6tables-legacy -t filter -I in-ssh 3 -s %IP% -p udp -m udp --dport 53 -j ACCEPT", "opens udp/53"],
        [
            "iptables -A INPUT -s %IP% -p tcp -m multiport --dports 22,80:82 -m state --state NEW -j ACCEPT",
            "opens tcp/22 tcp/80 tcp/81 tcp/82",
        ],
        ["nft insert rule ip filter INPUT index 0 ip saddr %IP% udp dport 1194 accept", "opens udp/1194"],
        [
            "nft 'add rule inet fw input iifname eth0 ip6 saddr %IP% tcp dport { 22, 80-81, } ct state { new } accept'",
            "opens tcp/22 tcp/80 tcp/81",
        ],
        [
            "nft add element inet fw let { %IP% . tcp . 22 timeout 1m, %IP% . udp . 53 timeout 60 }",
            "opens tcp/22 udp/53 for 60 by element",
        ],
        ["nft delete element inet fw let { %IP% . tcp . 22 }", "closes tcp/22"],
        ["sudo -n ufw --force insert 1 allow in from %IP% to any port 22,80 proto tcp", "opens tcp/22 tcp/80"],
        ["ufw allow from %IP% port 22", "runs: word ufw port"],
        [
            "firewall-cmd --zone home --add-rich-rule=\"rule source address='%IP%' port port='60-61' protocol='udp' accept\" --timeout 1m",
            "opens udp/60 udp/61 for 60 by element",
        ],
        ["ipset add let %IP%,udp:53 timeout 0", "opens udp/53"],
        ["ipset -! del let %IP%,22", "closes tcp/22"],
        ["knock_helper_ipt.sh --append --srcaddr %IP% --dstport 25", "opens tcp/25"],
        ["/usr/local/sbin/knock_add -x -f %IP% -d 25 -c INPUT", "closes tcp/25"],
        [`${CLOSE} && ${OPEN};`, "opens tcp/22"],
        [`${OPEN}; sleep 2m; ${CLOSE}`, "opens tcp/22 for 120 by sleep"],
    ])("%s", (start, wanted) => {
        expect(told(start)).toBe(wanted)
    })

    it("and their ends", () => {
        expect(told(OPEN, CLOSE)).toBe("opens tcp/22 for 10 by stop")
        expect(told(OPEN, "")).toBe("opens tcp/22")
        expect(told(OPEN, CLOSE, -1)).toBe("opens tcp/22")
        const timed = "ipset add let %IP%,22 timeout 5"
        expect(told(timed, "ipset del let %IP%,22")).toBe("opens tcp/22 for 5 by element")
        expect(told(timed, "ipset del let %IP%,22", 4)).toBe("opens tcp/22 for 4 by stop")
        expect(told("", CLOSE)).toBe("nothing")
    })

    it("and nothing that is more or less than one", () => {
        expect(told(OPEN, `${CLOSE}; true`)).toBe("runs: shell builtin")
        expect(told(OPEN, OPEN)).toBe("runs: other-stop")
        expect(told(OPEN, CLOSE.replace("22", "23"))).toBe("runs: other-stop")
        expect(told(`${OPEN}; sleep 5; ${CLOSE}`, CLOSE)).toBe("runs: mixed")
        expect(told(`${OPEN}; sleep 5`)).toBe("runs: mixed")
        expect(told(`${OPEN}; ${CLOSE}`)).toBe("runs: mixed")
        expect(told(CLOSE, OPEN)).toBe("runs: mixed")
        expect(told(`${CLOSE.replace("22", "23")}; ${OPEN}`)).toBe("runs: mixed")
        expect(told("sleep 5")).toBe("runs: mixed")
        expect(told(`ipset add let %IP%,53 timeout 5; ${OPEN}`)).toBe("runs: mixed")
        expect(told("nft add element inet fw let { %IP% . tcp . 22 timeout 1m, %IP% . udp . 53 }")).toBe("runs: mixed")
        expect(told("sleep five")).toBe("runs: word sleep five")
    })

    test.each([
        ["./iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "program ./iptables"],
        ["/opt/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "program /opt/iptables"],
        [iptables("-d 192.0.2.1"), "word iptables -d"],
        [iptables("! --syn"), "word iptables !"],
        [iptables("-s 192.0.2.1"), "word iptables -s"],
        [iptables("-D INPUT"), "short iptables"],
        [iptables("-m limit"), "word iptables limit"],
        [iptables("-m state --state ESTABLISHED"), "word iptables state"],
        [iptables("-m state --state NEW,INVALID"), "word iptables INVALID"],
        [iptables("-t nat"), "word iptables nat"],
        [iptables("-j"), "word iptables -j"],
        ["iptables -A INPUT -s %IP% -j ACCEPT", "every-port"],
        ["iptables -A INPUT -s %IP%/24 -p tcp --dport 22 -j ACCEPT", "source"],
        ["iptables -A INPUT -s %IP% -p tcp --dport 22: -j ACCEPT", "word iptables 22:"],
        ["iptables -A INPUT -s %IP% -p tcp --dport 0 -j ACCEPT", "word iptables 0"],
        ["iptables -A INPUT -s %IP% -p sctp --dport 22 -j ACCEPT", "protocol"],
        ["iptables -A OUTPUT -s %IP% -p tcp --dport 22 -j ACCEPT", "chain OUTPUT"],
        ["iptables -A FORWARD -s %IP% -p tcp --dport 22 -j ACCEPT", "forward"],
        ["iptables -A INPUT -s %IP% -p tcp --dport 1:65 -j ACCEPT", "many"],
        ["nft add rule inet fw input ip saddr %IP% tcp dport 22 log accept", "word nft log"],
        ["nft add rule inet fw input ip saddr %IP% tcp dport 22 accept drop", "word nft drop"],
        ["nft add rule inet fw input ip saddr != %IP% tcp dport 22 accept", "source"],
        ["nft add rule inet fw input tcp dport 22 accept", "source"],
        ["nft add rule inet fw input ip saddr %IP% accept", "every-port"],
        ["nft add rule inet fw input ip saddr %IP% tcp dport 22 drop", "verdict drop"],
        ["nft add rule inet fw input ip saddr %IP% tcp dport 22", "short nft"],
        ["nft add rule inet fw input ip saddr %IP% tcp dport 22 accept; list ruleset", "program list"],
        ["nft 'add rule inet fw input ip saddr %IP% tcp dport 22 accept; flush ruleset'", "word nft ;"],
        ["nft add element inet fw let { %IP% . 22 }", "set let"],
        ["nft add element inet fw let { %IP% . tcp . 22, 192.0.2.1 . tcp . 22 }", "source"],
        ["nft add element inet fw let { %IP% . tcp . 22 } x", "word nft x"],
        ["nft flush ruleset", "short nft"],
        ["ufw allow 22", "word ufw 22"],
        ["ufw deny from %IP% to any port 22", "verdict deny"],
        ["ufw allow from %IP% to 192.0.2.1 port 22", "word ufw 192.0.2.1"],
        ["ufw allow from any to any port 22", "source"],
        ["ufw allow from %IP% to any port 22 proto ah", "protocol"],
        ["ufw --dry-run allow from %IP% to any port 22", "word ufw --dry-run"],
        ["firewall-cmd --add-rich-rule='rule source address=%IP% accept'", "every-port"],
        [
            "firewall-cmd --add-rich-rule='rule source address=%IP% port port=22 protocol=tcp log accept'",
            "word firewall-cmd log",
        ],
        ["firewall-cmd --add-rich-rule='rule source NOT address=%IP% port port=22 protocol=tcp accept'", "source"],
        ["firewall-cmd --add-rich-rule='rule source address=%IP% port port=22 protocol=tcp reject'", "verdict reject"],
        [
            "firewall-cmd --add-rich-rule='rule source address=%IP% service name=https accept'",
            "word firewall-cmd https",
        ],
        ["firewall-cmd --reload", "word firewall-cmd --reload"],
        ["ipset add let %IP%", "set let"],
        ["ipset add let %IP%,22,192.0.2.1", "set let"],
        ["ipset flush let", "word ipset flush"],
        ["knock_add -i -f %IP% -d 25 -t", "word knock_add -t"],
        ["knock_add -i -f %IP%", "every-port"],
    ])("not %s", (start, why) => {
        expect(told(start)).toBe(`runs: ${why}`)
    })
})

/** What a shell could make of, in texts that are otherwise an opening. */
const METACHARACTERS = [
    "$x",
    "$(x)",
    "`x`",
    "| x",
    "|| x",
    "> x",
    "< x",
    "& x",
    "(x)",
    "*",
    "?",
    "[x]",
    "; x=1",
    "\u0001",
    "# x",
    "~",
    "'",
    '"',
    "; ;",
]

describe("readWords()", () => {
    it("reads what shells read, word by word, or leaves it to them", () => {
        const plain = fc.constantFrom(..."abZ09  \t-=%{}!,./:@#~^+]é".split(""), "p")
        const quotes = fc.constantFrom(
            "'a b'",
            "'\"$x'",
            '"a b"',
            '"\\$ \\" \\a"',
            "''",
            "\\'",
            "\\ ",
            "\\é",
            "; p",
            "&&p ",
        )
        const odd = fc.constantFrom("'", '"', "\\", ";", "&", "{a,b}", "x=1", "if", ...METACHARACTERS)
        const piece = fc.oneof({ weight: 12, arbitrary: plain }, { weight: 4, arbitrary: quotes }, odd)
        const texts: string[] = []
        let left = 0
        fc.assert(
            fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
                const text = `p ${pieces.join("")}`
                const words = readWords(Buffer.from(text).toString("latin1"))
                // A shell would look for programs that are not p.
                if (!words.ok) left++
                else if (words.commands.every(([first]) => first === "p")) texts.push(text)
            }),
            { numRuns: 3000 },
        )
        expect(texts.length).toBeGreaterThan(500)
        expect(texts.filter((text) => /["'\\]/.test(text.slice(2))).length).toBeGreaterThan(200)
        expect(texts.filter((text) => /; p|&& p/.test(text)).length).toBeGreaterThan(10)
        expect(left).toBeGreaterThan(500)
        const script = `p() { printf '%s\\0' "$#" "$@"; }\n${texts.join("\n")}\n`
        const wanted = texts.flatMap((text) => {
            const words = readWords(text)
            return words.ok ? words.commands.flatMap(([, ...args]) => [String(args.length), ...args]) : ["not read"]
        })
        const { stdout, stderr } = spawnSync("/bin/sh", { input: script, encoding: "utf8" })
        expect(stderr).toBe("")
        expect(stdout.split("\0").slice(0, -1)).toEqual(wanted)
    })

    it("leaves to shells what they do not agree on, and what they look up between double quotes", () => {
        expect(readWords("p {a,b}")).toEqual({ ok: false, what: "braces" })
        expect(readWords("p {1..3}")).toEqual({ ok: false, what: "braces" })
        expect(readWords('p "$x"')).toEqual({ ok: false, what: "variable" })
        expect(readWords('p "$(x)"')).toEqual({ ok: false, what: "substitution" })
        expect(readWords('p "`x`"')).toEqual({ ok: false, what: "substitution" })
    })

    it("reads several commands, and no commands of no words", () => {
        const several = readWords("a b;c  'd;e'&& f;")
        expect(several).toEqual({ ok: true, commands: [["a", "b"], ["c", "d;e"], ["f"]] })
        for (const text of ["", ";", "a;;b", "; a", "a && && b"])
            expect(readWords(text)).toEqual({ ok: false, what: "nothing" })
    })

    it.each(METACHARACTERS)(
        "takes no %j out of quotes for a word, and no such text for an opening or an argument vector",
        (text) => {
            for (const whole of [`${OPEN} ${text}`, `${text} ${OPEN}`, OPEN.replace("22", `22 ${text}`)]) {
                expect(readWords(whole).ok).toBe(false)
                expect(readPlan(whole, null, 10).plan).toBe("run")
                expect(readPlan(OPEN, whole, 10).plan).toBe("run")
                expect(argvOf(whole)?.argv.slice(0, 2)).toEqual(["/bin/sh", "-c"])
            }
        },
    )
})

/** A variable of a shell. */
function braces(name: string): string {
    return "$".concat(`{${name}}`)
}

/** What it prints. */
function run([program, ...args]: readonly string[]): string {
    return spawnSync(program!, args, { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: "/home/x" } }).stdout
}

describe("argvOf()", () => {
    it.each([
        ["printf '%s\\n' %IP%", "shell"],
        ["/usr/bin/printf '%s %s\\n' \"a b\" '%IP%/32'", "argv"],
        ["env printf %s\\\\n {}{%IP%}", "argv"],
        [
            `printf '%s\\n' "${braces("HOME")}" '${braces("HOME")}' {source} %IP% {a} {b} {c} {d} {e} {f} {g} {h}`,
            "pieces",
        ],
        [`x='%IP%'; echo ${braces("x")} "$x" $# $1 | cat`, "pieces"],
        ["/usr/bin/printf %s {print}", "pieces"],
        ["for i in 1 2; do echo $i %IP%; done", "shell"],
    ])("does with %s what a shell does", (text, form) => {
        const argv = argvOf(text)!
        expect(argv.form).toBe(form)
        // As the daemon fills it in.
        const filled = argv.argv.map((one) => one.replace(/\{(source|door|knocker)\}/g, "192.0.2.7"))
        expect(run(filled)).toBe(run(["/bin/sh", "-c", text.replaceAll("%IP%", "192.0.2.7")]))
        expect(run(filled)).toContain(text.includes("%IP%") ? "192.0.2.7" : "{print}")
    })

    it("gives up where an argument vector is too short", () => {
        expect(argvOf(`echo ${braces("x")}`.repeat(70))).toBeNull()
        expect(argvOf(`/bin/echo ${"x ".repeat(70)}`)?.form).toBe("shell")
    })
})

const confs = Object.entries(importVectors).filter(([path]) => path.endsWith(".conf"))

async function imported(conf: string, bytes = Buffer.from(conf).toString("latin1")) {
    const result = await importKnockdConf(bytes, ORIGIN)
    if (!result.ok) throw new Error(result.message)
    return result
}

async function checked(text: string) {
    return readConfig([{ file: "postern.toml", text, mode: 0o600 }], { listening: null })
}

/** Of which commands can be made that nobody has written. */
const PARTS = [...OPEN.split(" "), ...METACHARACTERS, "\\", ";", "&&", "{x}", "]", "\x7f", "\xff", "\xc3\xa9", "'''"]

const doors = (count: number) =>
    Array.from(
        { length: count },
        (_, i) => `[d${i}]\nsequence = 7000,8000,${10_000 + (i % 50_000)}\ncommand = ${i % 2 === 0 ? OPEN : CLOSE}\n`,
    ).join("")

describe("importKnockdConf()", () => {
    it.each(confs)("%s: what it writes has no errors", async (_, conf) => {
        const { text, doors } = await imported(conf)
        const { ok, issues } = await checked(text)
        expect(issues.filter(({ severity }) => severity === "error")).toEqual([])
        expect(ok && doors > 0).toBe(true)
        for (const { path, message } of issues) {
            const short = message.split(" ").slice(0, 5).join(" ")
            expect(text, `${path}: ${message}`).toContain(short)
        }
    })

    it("reads a file alike at every length that it is cut to, or refuses it as knockd would", async () => {
        for (const [, conf] of confs.slice(0, 4)) {
            for (let end = 0; end < conf.length; end += 97) {
                const result = await importKnockdConf(conf.slice(0, end), ORIGIN)
                if (result.ok && result.doors > 0) expect((await checked(result.text)).ok).toBe(true)
            }
        }
    })

    it("has hits on their own line alone, and never throws, whatever knockd takes", async () => {
        const hit = fc
            .tuple(fc.integer({ min: 61_000, max: 61_999 }), fc.constantFrom("", ":tcp", ":udp", " : UDP"))
            .map((two) => two.join(""))
        const command = fc.oneof(
            fc.constantFrom(
                OPEN,
                CLOSE,
                `${OPEN}; sleep 5; ${CLOSE}`,
                "",
                "nft add element inet f s { %IP% }",
                `x ${braces("y")} %IP%`,
            ),
            fc.array(fc.constantFrom(...PARTS), { maxLength: 20 }).map((words) => words.join(" ")),
        )
        const seconds = fc.constantFrom("0", "-1", "5", "30", "99999999", "x")
        const line = fc.oneof(
            fc.array(hit, { minLength: 1, maxLength: 6 }).map((hits) => `sequence = ${hits.join(",")}`),
            fc
                .tuple(fc.constantFrom("command", "start_command_6", "stop_command", "stop_command_6"), command)
                .map(([key, text]) => `${key} = ${text}`),
            fc.tuple(fc.constantFrom("seq_timeout", "cmd_timeout"), seconds).map(([key, text]) => `${key} = ${text}`),
            fc.constantFrom(
                "tcpflags = syn,!ack",
                "tcpflags = fin",
                "tcpflags = !syn",
                "target = ::1",
                "target = x",
                "one_time_sequences = /x",
                "usesyslog",
            ),
        )
        const name = fc.constantFrom("a", "a", "a.b", " b ", "\xc3\xa9", "\xff", "]", '"', "options2", "x".repeat(200))
        const usual = fc.constantFrom(
            [],
            [],
            [`command = ${OPEN}`],
            [`command = ${CLOSE}`, "command_6 = ", "stop_command = "],
        )
        const section = fc
            .tuple(name, fc.array(hit, { minLength: 2, maxLength: 5 }), fc.array(line, { maxLength: 6 }), usual)
            .map(([title, hits, lines, last]) =>
                [`[${title}]`, `sequence = ${hits.join(",")}`, ...lines, ...last].join("\n"),
            )
        const options = fc.constantFrom(
            "",
            "[options]\ninterface = eth0, wg0\n",
            "[options]\ninterface = any\nlogfile = \x1b[2J\n",
            '[options]\ninterface = "\n',
        )
        const counts = { doors: 0, left: 0, open: 0, run: 0, close: 0 }
        await fc.assert(
            fc.asyncProperty(options, fc.array(section, { minLength: 1, maxLength: 5 }), async (head, sections) => {
                const result = await importKnockdConf(`${head}${sections.join("\n")}\n`, {
                    name: "x\ny = 1",
                    readable: true,
                })
                if (!result.ok) throw new Error(result.message)
                counts.doors += result.doors
                counts.left += result.left.length
                const reading = await checked(result.text)
                if (result.doors > 0) expect(reading.issues.filter(({ severity }) => severity === "error")).toEqual([])
                if (reading.ok) {
                    expect(reading.config.doors).toHaveLength(result.doors)
                    counts.open += reading.config.doors.filter(({ opens }) => opens.length > 0).length
                    counts.close += reading.config.doors.filter(({ closes }) => closes.length > 0).length
                    for (const { command } of reading.config.doors) {
                        if (command === null) continue
                        counts.run++
                        expect(command.start[0]).toMatch(/^\//)
                    }
                }
                for (const one of result.text.split("\n")) {
                    if (!/^(# )?hits = /.test(one)) expect(one).not.toMatch(/\b61\d\d\d\b/)
                    expect(one).not.toMatch(/\p{Cc}/u)
                }
            }),
            { numRuns: 300 },
        )
        for (const count of Object.values(counts)) expect(count).toBeGreaterThan(15)
    })

    it("takes hundreds of doors, and says what is too much", async () => {
        const many = await imported(doors(300))
        expect(many.doors + many.left.length).toBe(300)
        const views = Array.from(
            { length: 70 },
            (_, i) => `[v${i}]\nsequence = 7000,9000,8000\ntarget = 192.0.2.${i}\ncommand = ${OPEN}\n`,
        )
        const { left } = await imported(views.join(""))
        expect(left.map(({ name }) => name)).toEqual(["v64", "v65", "v66", "v67", "v68", "v69"])
        const scanned = Array.from({ length: 1100 }, (_, i) => `[s${i}]\nsequence = ${i + 1}\ncommand = x\n`)
        expect((await imported(scanned.join(""))).left).toHaveLength(1100)
        const beyond = "[d]\nsequence = 1,3,2\n".repeat(16_385)
        expect(await importKnockdConf(beyond, ORIGIN)).toEqual({ ok: false, message: "more than 16384 doors" })
    })

    it.each([
        ["", "auto"],
        ["eth0", "eth0"],
        ["any", "any"],
        ["eth0, wg0,eth0", "eth0 wg0"],
        ["eth0,no name", "auto"],
        ["any,eth0", "any"],
        ["eth0,auto", "auto"],
    ])("Interface = %s becomes %s", async (named, wanted) => {
        const { text } = await imported(`[options]\ninterface = ${named}\n[d]\nsequence = 7,9,8\n`)
        const reading = await checked(text)
        const { interfaces } = reading.ok ? reading.config.gateway : { interfaces: [] }
        expect([interfaces].flat().join(" ")).toBe(wanted)
    })

    it("refuses what knockd refuses, in its words", async () => {
        expect(await importKnockdConf("[d]\nsequence = 1,2,70000\n", ORIGIN)).toEqual({
            ok: false,
            message: "config: section d: port 70000 is invalid",
        })
    })

    it("leaves out a door whose bytes are no UTF-8", async () => {
        const { left } = await imported(
            "",
            "[a]\nsequence = 7000,9000,8000\ncommand = /bin/\xff\n[b]\nsequence = 7,9,8\n",
        )
        expect(left.map(({ name }) => name)).toEqual(["a"])
    })

    it("says nothing that moves the cursor of who reads it", async () => {
        const { left } = await imported("", "[a\x1b[2J]\nsequence = 7,9,8\ntarget = \x1b[2J\xc2\x85\n")
        expect(left).toEqual([{ name: "a\ufffd[2J", why: expect.stringContaining(", \ufffd[2J\ufffd, is not") }])
        expect(await importKnockdConf("[a]\ntcpflags = \x1b[2J\n", ORIGIN)).toEqual({
            ok: false,
            message: 'config: line 2: unrecognized flag "\ufffd[2J"',
        })
    })
})
