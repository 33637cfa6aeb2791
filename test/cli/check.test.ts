import { once } from "node:events"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { LINK_RAW, LINK_SLL } from "../../src/core/net/frame.ts"
import { writePcap } from "../../src/core/net/pcap.ts"
import { session } from "./session.ts"

const GOOD = `[[door]]
name = "ssh"
opens = ["tcp/22"]
hide = true
[door.sequence]
hits = ["32144", "21312:udp", "48231", "icmp:321"]
`
const AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
const CLOSE = `[[door]]
name = "close"
closes = ["ssh"]
[door.sequence]
hits = ["51002", "33871:udp", "60123", "24417"]
`
const WRONG = `[gateway]
interfces = "any"
[[door]]
name = "ssh"
opens = ["22"]
for = 30
[door.sequence]
hits = ["70000", "ssh"]
`

test("postern check: a good configuration says so, and nothing on standard output", () => {
    session(
        { "postern.toml": GOOD, "conf.d/close.toml": CLOSE, "conf.d/.old.toml": WRONG, "conf.d/note.txt": WRONG },
        `
        $ postern check --no-host postern.toml
        ! postern: 2 doors in 2 files, no problems
        $ postern check --no-host -c postern.toml
        ! postern: 2 doors in 2 files, no problems
        $ POSTERN_CONFIG=postern.toml postern check --no-host --strict
        ! postern: 2 doors in 2 files, no problems
        $ postern check --no-host --json postern.toml
        {"version":1,"ok":true,"files":["postern.toml","conf.d/close.toml"],"doors":["ssh","close"],"issues":[]}
        `,
    )
})

test("postern check: every problem at once, with its place and how to mend it", () => {
    session(
        { "postern.toml": WRONG, "conf.d/b.toml": "[[door]]\nname = ssh\n" },
        `
        $ postern check --no-host postern.toml
        postern.toml:2:1: gateway.interfces: "interfces" is not a key of [gateway]: did you mean interfaces?
        postern.toml:5:10: door.ssh.opens[0]: not written as it should be: a service is written tcp/22 or udp/53; did you mean tcp/22?
        postern.toml:6:7: door.ssh.for: should be a duration such as "15s" or "1h30m", in quotes
        postern.toml:8:9: door.ssh.sequence.hits[0]: no such port: ports are 1 to 65535
        postern.toml:8:18: door.ssh.sequence.hits[1]: names of services are not looked up: write the number of the port
        conf.d/b.toml:2:8: not valid TOML: invalid value
        ! postern: 6 errors in 2 files
        ? 3
        `,
    )
})

test("postern check: warnings and notes fail only with --strict, and notes not even then", () => {
    session(
        {
            "warn.toml": GOOD.replace("48231", "443"),
            "note.toml": GOOD.replace("48231", "6566"),
            "open.toml": { text: GOOD, mode: 0o644 },
        },
        `
        $ postern check --no-host warn.toml
        warn.toml:6:31: warning: door.ssh.sequence.hits[2]: a port that scanners and strangers visit anyway: take one that nobody knows
        ! postern: 1 door, 1 warning
        $ postern check --no-host --strict warn.toml
        warn.toml:6:31: warning: door.ssh.sequence.hits[2]: a port that scanners and strangers visit anyway: take one that nobody knows
        ! postern: 1 door, 1 warning
        ? 3
        $ postern check --no-host --strict note.toml
        note.toml:6:31: note: door.ssh.sequence.hits[2]: web browsers refuse to connect to this port: nobody can knock with a browser
        ! postern: 1 door, 1 note
        $ postern check --no-host open.toml
        open.toml:1:1: warning: everybody on this host can read the sequences in this file: chmod o=
        ! postern: 1 door, 1 warning
        `,
    )
})

test("postern check: files that cannot be read", () => {
    session(
        { "folder/x": "", "latin1.toml": new Uint8Array([0x23, 0xe4, 0x0a]), "large.toml": "#".repeat(1_048_577) },
        `
        $ postern check missing.toml
        missing.toml: there is no such file: make one, or name another with --config (postern.toml(5) begins with an example)
        ! postern: 1 error
        ? 3
        $ postern check folder
        folder: not a file
        ! postern: 1 error
        ? 3
        $ postern check latin1.toml
        latin1.toml: not UTF-8 text: save it as UTF-8
        ! postern: 1 error
        ? 3
        $ postern check large.toml
        large.toml: larger than any sensible configuration (1 MiB a file, 4 MiB together): is it the right file?
        ! postern: 1 error
        ? 3
        `,
    )
})

test("postern check: wrong usage", () => {
    session(
        { "a.toml": GOOD },
        `
        $ postern check a.toml --config a.toml
        ! postern: error: two configurations were named
        ! postern: hint: leave out either FILE or --config
        ? 2
        $ postern check --strikt a.toml
        ! postern: error: unknown option '--strikt'
        ! postern: hint: did you mean --strict?
        ! …
        ? 2
        $ postern check a.toml b.toml
        ! postern: error: too many arguments for 'check'. Expected 1 argument but got 2…
        ! …
        ? 2
        `,
    )
})

test("postern check: what listens on this host", async () => {
    const server = createServer().listen(0, "0.0.0.0")
    await once(server, "listening")
    try {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const unused = GOOD.replace("48231", `${port}`).replace("tcp/22", "tcp/1")
        session(
            { "a.toml": unused },
            `
            $ postern check a.toml
            a.toml:3:10: note: door.ssh.opens[0]: nothing listens on tcp/1 at this moment
            a.toml:6:31: warning: door.ssh.sequence.hits[2]: something listens on this port: its clients will spoil knocks, or make hits without knowing
            ! postern: 1 door, 1 warning, 1 note
            `,
        )
    } finally {
        server.close()
    }
})

/** An IPv4 packet from 192.0.2.7 with this protocol and payload, as a capture of raw IP has it. */
function ipv4(protocol: number, payload: readonly number[]): Uint8Array {
    const total = 20 + payload.length
    const header = [0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1]
    return new Uint8Array([...header, ...payload])
}

const tcp = (port: number, sequence: number) =>
    ipv4(6, [0xc0, 0, port >> 8, port & 255, 0, 0, 0, sequence, 0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0])
const udp = (port: number) => ipv4(17, [0xc0, 0, port >> 8, port & 255, 0, 8, 0, 0])
const echo = (size: number) => ipv4(1, [8, 0, 0, 0, 0, 1, 0, 1, ...Array.from({ length: size }, () => 0)])

/** One packet each 100 ms from 2026-01-02 03:04:05 on. */
function capture(packets: readonly Uint8Array[], linkType: number = LINK_RAW): Uint8Array {
    const start = Date.UTC(2026, 0, 2, 3, 4, 5)
    return writePcap(
        linkType,
        packets.map((bytes, i) => ({ time: start + i * 100, bytes })),
    )
}

test("postern check --replay: what a capture would have opened", () => {
    const knock = [tcp(32_144, 1), udp(21_312), tcp(48_231, 2), echo(321)]
    const cut = capture(knock).subarray(0, -1)
    session(
        {
            "postern.toml": GOOD,
            "knock.pcap": capture(knock),
            "wrong.pcap": capture([knock[0]!, knock[1]!, tcp(9, 3), knock[2]!, knock[3]!]),
            "other.pcap": capture(knock, LINK_SLL),
            "cut.pcap": cut,
            "text.pcap": "this is no capture",
        },
        `
        $ postern check --no-host postern.toml --replay knock.pcap
        2026-01-02T03:04:05.000+00:00 ssh: 192.0.2.7: stage 1 of 4
        2026-01-02T03:04:05.100+00:00 ssh: 192.0.2.7: stage 2 of 4
        2026-01-02T03:04:05.200+00:00 ssh: 192.0.2.7: stage 3 of 4
        2026-01-02T03:04:05.300+00:00 ssh: 192.0.2.7: stage 4 of 4
        2026-01-02T03:04:05.300+00:00 ssh: 192.0.2.7: open: tcp/22 for 30 s, until 03:04:35
        2026-01-02T03:04:35.300+00:00 ssh: 192.0.2.7: closed on time
        ! postern: 1 door, no problems
        ! postern: 4 frames, 4 possible hits: would have opened 1 door
        $ postern check --no-host postern.toml --replay wrong.pcap
        2026-01-02T03:04:05.000+00:00 ssh: 192.0.2.7: stage 1 of 4
        2026-01-02T03:04:05.100+00:00 ssh: 192.0.2.7: stage 2 of 4
        2026-01-02T03:04:05.200+00:00 ssh: 192.0.2.7: spoiled at stage 2 of 4: 100 ms after hit 2 came another hit, by tcp, in place of hit 3
        ! postern: 1 door, no problems
        ! postern: 5 frames, 5 possible hits: would have opened no doors
        $ postern check --no-host postern.toml --json --replay wrong.pcap
        {"version":1,"ok":true,…"replay":{"frames":5,"packets":5,"opened":0,"said":[{"at":0,"time":"2026-01-02T03:04:05.000Z","type":"stage","door":"ssh","source":"192.0.2.7","stage":1,"of":4},…],"problems":[]}}
        $ postern check --no-host postern.toml --replay other.pcap
        ! postern: 1 door, no problems
        ! postern: 4 frames, 0 possible hits: would have opened no doors
        $ postern check --no-host postern.toml --replay cut.pcap
        2026-01-02T03:04:05.000+00:00 ssh: 192.0.2.7: stage 1 of 4
        2026-01-02T03:04:05.100+00:00 ssh: 192.0.2.7: stage 2 of 4
        2026-01-02T03:04:05.200+00:00 ssh: 192.0.2.7: stage 3 of 4
        2026-01-02T03:04:20.…+00:00 ssh: 192.0.2.7: timed out at stage 3 of 4: hit 4 did not come within 15 s of hit 1
        ! postern: 1 door, no problems
        ! postern: warning: the capture is damaged at byte …: cut
        ! postern: 3 frames, 3 possible hits: would have opened no doors
        $ postern check --no-host postern.toml --replay text.pcap
        ! postern: 1 door, no problems
        ! postern: warning: the capture is damaged at byte 0: unknown-format
        ! postern: 0 frames, 0 possible hits: would have opened no doors
        $ postern check --no-host postern.toml --replay nothing.pcap
        ! postern: error: nothing.pcap: cannot be read: ENOENT
        ! postern: hint: name a file made with tcpdump -w
        ? 1
        `,
    )
    expect(cut.length).toBeGreaterThan(0)
})

test("postern check: programs and a group that this host does not have; another host may have them", () => {
    const text = `[[door]]
name = "run"
[door.sequence]
hits = ["32145", "21313:udp", "44873", "icmp:322"]
[door.command]
start = ["/bin/sh"]
stop = ["/nonexistent/stop"]
[gateway]
socket_group = "no-such-group"
[[hook]]
name = "none"
on = ["grant"]
run = ["/nonexistent/page"]
[[hook]]
name = "no-program"
on = ["grant"]
run = ["/etc/passwd"]
[[hook]]
name = "folder"
on = ["grant"]
run = ["/etc"]
[[hook]]
name = "well"
on = ["grant"]
run = ["/bin/sh"]
`
    session(
        { "a.toml": text },
        `
        $ postern check a.toml
        a.toml:7:9: warning: door.run.command.stop[0]: there is no such program on this host, …
        a.toml:…: warning: gateway.socket_group: there is no such group on this host, …
        a.toml:…: warning: hook[0].run[0]: there is no such program on this host, …
        a.toml:…: warning: hook[1].run[0]: there is no such program on this host, …
        a.toml:…: warning: hook[2].run[0]: there is no such program on this host, …
        ! postern: 1 door, 5 warnings
        $ postern check --no-host a.toml
        ! postern: 1 door, no problems
        `,
    )
})

test("postern check: directories, files and programs that the user whom the daemon runs as has no right to", () => {
    const folder = mkdtempSync(join(tmpdir(), "postern-rights-"))
    try {
        chmodSync(folder, 0o755)
        // Whoever has the state runs the daemon; root is asked about another.
        mkdirSync(join(folder, "state"))
        if (process.geteuid!() === 0) chownSync(join(folder, "state"), 65_534, 65_534)
        mkdirSync(join(folder, "closed"), { mode: 0o555 })
        mkdirSync(join(folder, "room"))
        chmodSync(join(folder, "room"), 0o777)
        for (const [name, mode] of [
            ["open", 0o644],
            ["theirs", 0o000],
            ["copy", 0o666],
            ["sync", 0o010],
        ] as const) {
            writeFileSync(join(folder, name), "x: y\n")
            chmodSync(join(folder, name), mode)
        }
        // As root leaves it when he puts a backup back.
        writeFileSync(join(folder, "state", "gateway.keys"), "", { mode: 0o000 })
        const put = (headers: string) =>
            `[[bundles.publish]]\nput = "https://a.example/"\nheaders = "${folder}/${headers}"\n`
        const text = `[gateway]
state = "${folder}/state"
[[door]]
name = "ssh"
[door.command]
start = ["/bin/true"]
[door.one_time]
[bundles]
gateway = "gw.example.org"
[[bundles.publish]]
directory = "${folder}/room"
[[bundles.publish]]
directory = "${folder}/closed"
[[bundles.publish]]
directory = "${folder}/gone"
${put("open")}${put("theirs")}${put("gone")}
[[bundles.publish]]
run = ["${folder}/copy", "{directory}"]
[[bundles.publish]]
run = ["${folder}/sync", "{directory}"]
[[bundles.publish]]
run = ["/bin/true"]
`
        // The directory of this session is open to nobody else.
        const closed = ["a.toml", "users.d/anna.toml"].map((file) => `${file}: warning: the user whom the daemon …\n`)
        const root = process.geteuid!() === 0
        session(
            { "a.toml": text, "users.d/anna.toml": `keys = ["${AGE}"]\n` },
            `
            $ postern check a.toml
            a.toml:13:13: warning: bundles.publish[1].directory: the user whom the daemon runs as, …
            a.toml:15:13: warning: bundles.publish[2].directory: there is no such directory on this host, …
            a.toml:18:11: warning: bundles.publish[3].headers: others than its owner and its group …
            a.toml:21:11: warning: bundles.publish[4].headers: there is no such file, or the user whom …
            a.toml:24:11: warning: bundles.publish[5].headers: there is no such file, or the user whom …
            a.toml:27:8: warning: bundles.publish[6].run[0]: there is no such program on this host, …
            a.toml:29:8: warning: bundles.publish[7].run[0]: the user whom the daemon runs as, …
            ${root ? closed.join("") : ""}${folder}/state/gateway.keys: warning: the user whom the daemon runs as, …
            ! postern: 1 door, ${root ? 10 : 8} warnings…
            $ postern check --no-host a.toml
            ! postern: 1 door, no problems
            `,
        )
    } finally {
        rmSync(folder, { recursive: true })
    }
})

const KNOCKD = `[options]
 UseSyslog
 Interface = lan7

[open]
 sequence = 32144,21312:udp,48231,5713:udp
 seq_timeout = 15
 tcpflags = syn
 start_command = /sbin/iptables -A INPUT -s %ip% -j ACCEPT
[open]
 sequence = ssh, 61402, 20000
 seq_timeout = 1m
 start_command = true
[once]
 one_time_sequences = once
 tcpflags = syn
 start_command = open %IP%
`
const BROKEN = `[Options]
 logfile = /var/log/knockd.log
[open]
 sequence = 32144,70000
 start_comand = true
[close]
 sequence 32144,21312
`

test("postern check: a knockd.conf, and what knockd takes without a word", () => {
    session(
        {
            "knockd.conf": KNOCKD,
            once: "#32144,21312:udp,48231,5713:udp\n 32145,21312:udp,48231,5714:udp\n",
            "mine/doors": { text: KNOCKD.replace("once", "twice"), mode: 0o644 },
        },
        `
        $ postern check --no-host knockd.conf
        knockd.conf:6:2: note: open.sequence: 2 doors have fixed knocks: whoever sees one on its way can repeat it; One_Time_Sequences cannot be repeated
        knockd.conf:9:2: warning: open.start_command: the source is written %IP%, in capitals and between two %: this one goes to the shell as it is
        knockd.conf:9:2: note: open.start_command: is run for IPv6 sources as well, and this program knows IPv4 alone: add the same key with _6, with ip6tables or empty
        knockd.conf:10:1: warning: open: a section of this name was there before, and both are doors: join them, or give each its own name
        knockd.conf:10:1: warning: open: without TCPFlags every packet of an established connection is a hit, and spoils knocks: add TCPFlags = syn
        knockd.conf:11:2: warning: open.sequence[0]: not a number: knockd takes it for port 0, where nobody can knock
        knockd.conf:12:2: warning: open.seq_timeout: not a plain number: knockd takes it for 1; write seconds, without a unit
        knockd.conf:15:2: warning: once.one_time_sequences: a relative path: with -d knockd reads it from another directory after a SIGHUP; begin it with /
        once:2:2: note: 1 unused sequence left: write new ones into it soon
        ! postern: 3 doors in 2 files, 6 warnings, 3 notes
        $ postern check --no-host --strict knockd.conf
        …
        …
        …
        …
        …
        …
        …
        …
        …
        ! …
        ? 3
        $ postern check --no-host --json --knockd mine/doors
        {"version":1,"ok":true,"files":["mine/doors","once"],"doors":["open","open","twice"],"issues":[{"severity":"warning","code":"readable","file":"mine/doors","line":1,"column":1,"path":"","message":"everybody …"},…]}
        `,
    )
})

test("postern check: a knockd.conf that knockd refuses: every mistake, and no hit", () => {
    session(
        { "doors.conf": BROKEN, "knockd.toml": GOOD },
        `
        $ postern check --no-host doors.conf
        doors.conf:1:1: Options: this door has no knock: give it Sequence or One_Time_Sequences
        doors.conf:1:1: warning: Options: this is a door: the options are in [options], in small letters
        doors.conf:1:1: warning: Options: this door runs nothing, its knock is only logged: give it Start_Command
        doors.conf:2:2: Options: LogFile does nothing here: it belongs into [options]
        doors.conf:3:1: warning: open: this door runs nothing, its knock is only logged: give it Start_Command
        doors.conf:4:2: open.sequence[1]: no such port: ports are 1 to 65535
        doors.conf:5:2: open: start_comand is no directive of knockd: did you mean Start_Command?
        doors.conf:6:1: close: this door has no knock: give it Sequence or One_Time_Sequences
        doors.conf:6:1: warning: close: this door runs nothing, its knock is only logged: give it Start_Command
        doors.conf:7:2: close: not a directive: each is written KEY = VALUE, on one line
        ! postern: 6 errors, 4 warnings
        ? 3
        $ postern check --no-host knockd.toml
        ! postern: 1 door, no problems
        $ postern check --knockd missing.conf
        missing.conf: cannot be read: No such file or directory
        ! postern: 1 error
        ? 3
        $ postern check doors.conf --replay knock.pcap
        ! postern: error: a capture is replayed past a configuration of ours
        ! postern: hint: postern import makes one of a knockd.conf
        ? 2
        `,
    )
})

test("postern check: what a knockd.conf names and this host does not have", () => {
    const conf = `[options]
 logfile = /nonexistent/knockd.log
 interface = nosuch0
[d]
 sequence = 32144,21312:udp,48231,5713:udp
 tcpflags = syn
 start_command = /nonexistent/open %IP%
`
    session(
        { "knockd.conf": conf },
        `
        $ postern check knockd.conf
        knockd.conf:2:2: warning: options.logfile: there is no such directory on this host: the file cannot be written; make it, or mend the path
        knockd.conf:3:2: warning: options.interface: there is no interface nosuch0 on this host: knockd does not start without it
        knockd.conf:5:2: note: d.sequence: a fixed knock: whoever sees one on its way can repeat it; One_Time_Sequences cannot be repeated
        knockd.conf:7:2: warning: d.start_command: there is no such program on this host, or it is not executable: put it there, or mend the path
        ! postern: 1 door, 3 warnings, 1 note
        $ postern check --no-host knockd.conf
        knockd.conf:5:2: note: …
        ! postern: 1 door, 1 note
        `,
    )
})
