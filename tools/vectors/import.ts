/** Files of knockd, and the configurations that they become: read a pair side by side. */
import { importKnockdConf } from "../../src/core/knockd/import/import.ts"

/** A door of four good hits. `hits`: others. */
function door(name: string, lines: string, hits = "32144,21312:udp,48231,10877"): string {
    return `[${name}]
	sequence    = ${hits}
	seq_timeout = 10
	tcpflags    = syn
${lines
    .trim()
    .split("\n")
    .map((line) => `	${line.trim()}\n`)
    .join("")}`
}

const OTHER = "51002,33871:udp,60123,24417"
const THIRD = "17733,60219:udp,41806,29451"
const FOURTH = "40117,11988,52406:udp,23871"
const FIFTH = "19322,48611,27054:udp,61780"
const SIXTH = "29001,58044,13377,44862"

const iptables = (act: string, more = "-p tcp --dport 22") =>
    `/usr/sbin/iptables ${act} INPUT -s %IP% ${more} -j ACCEPT`

/** By the name of the file. */
const FILES: Readonly<Record<string, string>> = {
    // As Debian's package has it, in our words.
    sample: `[options]
	UseSyslog

[openSSH]
	sequence    = 7000,8000,9000
	seq_timeout = 5
	command     = /sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
	tcpflags    = syn

[closeSSH]
	sequence    = 9000,8000,7000
	seq_timeout = 5
	command     = /sbin/iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
	tcpflags    = syn

[openHTTPS]
	sequence    = 12345,54321,24680,13579
	seq_timeout = 5
	command     = /usr/local/sbin/knock_add -i -c INPUT -p tcp -d 443 -f %IP%
	tcpflags    = syn
`,

    "start-and-stop": [
        door("ssh", `start_command = ${iptables("-I")}\ncmd_timeout = 30\nstop_command = ${iptables("-D")}`),
        door(
            "mail",
            `
            start_command   = /usr/sbin/iptables  -w 5 -I INPUT 1 -s %IP%/32  -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW,ESTABLISHED -m comment --comment "let in by knockd" -j ACCEPT
            start_command_6 = /usr/sbin/ip6tables -w 5 -I INPUT 1 -s %IP%/128 -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW,ESTABLISHED -m comment --comment "let in by knockd" -j ACCEPT
            stop_command    = /usr/sbin/iptables  -w 5 -D INPUT -s %IP%/32  -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW,ESTABLISHED -m comment --comment "let in by knockd" -j ACCEPT
            stop_command_6  = /usr/sbin/ip6tables -w 5 -D INPUT -s %IP%/128 -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW,ESTABLISHED -m comment --comment "let in by knockd" -j ACCEPT
            `,
            OTHER,
        ),
        door("vpn", `start_command = ${iptables("-A", "-i eth0 --protocol udp --destination-port=1194")}`, THIRD),
        door(
            "other-stop",
            `start_command = ${iptables("-A")}\nstop_command = ${iptables("-D", "-p tcp --dport 23")}`,
            FOURTH,
        ),
    ].join("\n"),

    together: [
        door("sleep", `command = sudo ${iptables("-I")}; sleep 20; sudo ${iptables("-D")}`),
        door("once", `command = ${iptables("-D")}; ${iptables("-I")}`, OTHER),
        door("two", `command = ${iptables("-I")} && ${iptables("-I", "-p tcp --dport https")}`, THIRD),
        door("close-two", `command = ${iptables("-D")} && ${iptables("-D", "-p tcp --dport 443")}`, FOURTH),
        door("and-log", `command = ${iptables("-I")}; logger "%IP% knocked"`, FIFTH),
        door("nothing-opens-it", `command = ${iptables("-D", "-p tcp --dport 8443")}`, SIXTH),
    ].join("\n"),

    ports: [
        door("multiport", `command = ${iptables("-A", "-p tcp -m multiport --dports 80,443,8000:8003")}`),
        door("range", `command = ${iptables("-A", "-p udp --dport 60000:60010")}`, OTHER),
        door("too-many", `command = ${iptables("-A", "-p tcp --dport 1024:65535")}`, THIRD),
        door("every-port", `command = ${iptables("-A", "-p tcp --syn")}`, FOURTH),
        door("no-protocol", `command = ${iptables("-A", "--dport 22")}`, FIFTH),
    ].join("\n"),

    "not-openings": [
        door("forward", "command = iptables -A FORWARD -s %IP% -p tcp --dport 22 -j ACCEPT"),
        door("chain", "command = iptables -A KNOCKERS -s %IP% -p tcp --dport 22 -j ACCEPT", OTHER),
        door("drop", "command = iptables -A INPUT -s %IP% -p tcp --dport 22 -j DROP", THIRD),
        door("everybody", "command = iptables -A INPUT -p tcp --dport 22 -j ACCEPT", FOURTH),
        door(
            "nat",
            "command = iptables -t nat -A PREROUTING -s %IP% -p tcp --dport 22 -j REDIRECT --to-ports 2222",
            FIFTH,
        ),
        door("limited", `command = ${iptables("-A", "-p tcp --dport 22 -m limit --limit 3/min")}`, SIXTH),
    ].join("\n"),

    nft: [
        door(
            "rule",
            'command = nft add rule inet filter input ip saddr %IP% tcp dport { 22, 80 } ct state new counter accept comment "knock"',
        ),
        door(
            "element",
            `
            start_command   = /usr/sbin/nft add element inet filter let4 { %IP% . tcp . 22 timeout 30s }
            start_command_6 = /usr/sbin/nft add element inet filter let6 { %IP% . tcp . 22 timeout 30s }
            `,
            OTHER,
        ),
        door("set", 'start_command = /usr/sbin/nft "add element inet filter knockers { %IP% timeout 30s }"', THIRD),
        door(
            "set-and-stop",
            `
            start_command = nft add element ip filter knockers { %IP% }
            cmd_timeout   = 60
            stop_command  = nft delete element ip filter knockers { %IP% }
            `,
            FOURTH,
        ),
        door("handle", "command = nft delete rule inet filter input handle 7", FIFTH),
    ].join("\n"),

    ufw: [
        door(
            "ssh",
            `
            start_command = ufw insert 1 allow from %IP% to any port 22 proto tcp comment 'let in'
            cmd_timeout   = 60
            stop_command  = ufw delete allow from %IP% to any port 22 proto tcp
            `,
        ),
        door("dns", "command = /usr/sbin/ufw allow proto udp from %IP% to any port 53", OTHER),
        door("close-dns", "command = /usr/sbin/ufw delete allow proto udp from %IP% to any port 53", THIRD),
        door("both", "command = ufw allow in on eth0 from %IP% to any port 5060", FOURTH),
        door("all", "command = ufw allow from %IP%", FIFTH),
        door("route", "command = ufw route allow from %IP% to any port 22", SIXTH),
    ].join("\n"),

    firewalld: [
        door(
            "ssh",
            `command = firewall-cmd --add-rich-rule='rule family="ipv4" source address="%IP%" port port="22" protocol="tcp" accept' --timeout=30`,
        ),
        door(
            "web",
            `
            start_command = /usr/bin/firewall-cmd -q --zone=public --add-rich-rule 'rule family=ipv4 source address=%IP% service name=http accept'
            cmd_timeout   = 60
            stop_command  = /usr/bin/firewall-cmd -q --zone=public --remove-rich-rule 'rule family=ipv4 source address=%IP% service name=http accept'
            `,
            OTHER,
        ),
        door("trusted", "command = firewall-cmd --zone=trusted --add-source=%IP%", THIRD),
        door(
            "permanent",
            `command = firewall-cmd --permanent --add-rich-rule='rule source address="%IP%" port port="22" protocol="tcp" accept'`,
            FOURTH,
        ),
    ].join("\n"),

    ipset: [
        door("port", "command = ipset -exist add let %IP%,tcp:22 timeout 120"),
        door(
            "set",
            `
            start_command = /usr/sbin/ipset add knockers %IP%
            cmd_timeout   = 60
            stop_command  = /usr/sbin/ipset del knockers %IP%
            `,
            OTHER,
        ),
    ].join("\n"),

    commands: [
        door("words", `command = /usr/local/bin/wake "the %IP% one" 'and \${this}' --now`),
        door("searched", "command = wakeonlan 02:00:00:00:00:01", OTHER),
        door("pipe", "command = echo %IP% | tee -a /var/log/knocks", THIRD),
        door("braces", `command = HOST=$(hostname); logger "\${HOST}: %IP%" 2>/dev/null`, FOURTH),
        door(
            "start-and-stop",
            `
            start_command = /usr/local/bin/guest add %IP% || exit 1
            cmd_timeout   = 600
            stop_command  = /usr/local/bin/guest remove %IP%
            `,
            FIFTH,
        ),
        door("only-logged", "", SIXTH),
    ].join("\n"),

    families: [
        door("v4-only", `start_command = ${iptables("-I")}\nstart_command_6 =`),
        door("v6-only", `start_command_6 = ${iptables("-I").replace("iptables", "ip6tables")}`, OTHER),
        door(
            "different",
            `
            start_command   = ${iptables("-I")}
            start_command_6 = /usr/local/bin/let-in-6 %IP%
            cmd_timeout     = 30
            stop_command    = ${iptables("-D")}
            stop_command_6  = /usr/local/bin/put-out-6 %IP%
            `,
            THIRD,
        ),
    ].join("\n"),

    "left-out": [
        door("good", `command = ${iptables("-I")}`),
        door("one-hit", `command = ${iptables("-I", "-p tcp --dport 80")}`, "48231"),
        door("close-one-hit", `command = ${iptables("-D", "-p tcp --dport 80")}`, OTHER),
        door("neighbours", `command = ${iptables("-I")}`, "7000,7001,7002"),
        door("port-0", `command = ${iptables("-I")}`, "48231,ssh,10877"),
        door("no-time", `command = ${iptables("-I")}\nseq_timeout = 0`),
        door("no-flags", `command = ${iptables("-I")}\ntcpflags = !syn`),
        door("host-name", `command = ${iptables("-I", "-p tcp --dport 81")}\ntarget = gate.example.org`),
        door("close-host-name", `command = ${iptables("-D", "-p tcp --dport 81")}`, THIRD),
        `[once]\n\tone_time_sequences = /etc/knockd/once\n\tcommand = ${iptables("-I")}\n`,
    ].join("\n"),

    options: `[options]
	UseSyslog
	LogFile   = /var/log/knockd.log
	PidFile   = /run/knockd.pid
	Interface = eth0,wg0

${door("ssh", `command = ${iptables("-I")}\ntarget = 192.0.2.1`)}`,

    names: [
        door(" the front door ", `command = ${iptables("-I")}`),
        door("ssh", `command = ${iptables("-I")}`, OTHER),
        door("ssh", `command = ${iptables("-I")}`, THIRD),
        door("4711", `command = ${iptables("-I")}`, FOURTH),
        door("Tür", "command = /usr/local/bin/öffne %IP%", FIFTH),
        door("Options", `command = ${iptables("-I")}`, SIXTH),
    ].join("\n"),

    extras: [
        `[options]
	Interface = eth0, wlan0
	Strict
	AllowDuplicates
	On_Start = iptables -P INPUT DROP
	On_Stop = iptables -P INPUT ACCEPT
`,
        door("ssh", `Seq_Cooldown = 60\ncommand = ${iptables("-I")}\nstop_command = ${iptables("-D")}`),
        door("web", `Strict\ncommand = ${iptables("-I", "-p tcp --dport 443")}`, OTHER),
    ].join("\n"),

    risks: `[no-flags]
	sequence = 41806,29451
	command  = ${iptables("-I")}

[begins-alike]
	sequence = 41806,60219,17733,29451
	command  = ${iptables("-I")}
	tcpflags = syn,!ack

[ends-alike]
	sequence    = 10877,60219,41806,29451
	seq_timeout = 1h
	command     = ${iptables("-I")}
	cmd_timeout = 86400
	stop_command = ${iptables("-D")}

[at-once]
	sequence     = 60123,24417,51002
	command      = ${iptables("-I")}
	cmd_timeout  = 0
	stop_command = ${iptables("-D")}
	tcpflags     = syn

[for-months]
	sequence     = 13377,44862,58044
	command      = ${iptables("-I")}
	cmd_timeout  = 7776000
	stop_command = ${iptables("-D")}
	tcpflags     = syn

[long]
	sequence     = 32144:udp,21312:udp,48231 # good ones
	seq_timeout  = 86400
	start_command = /usr/local/bin/guest add
	cmd_timeout  = -1
	stop_command = /usr/local/bin/guest remove
`,
}

/** Every pair, by its path below `vectors/`. */
export const importVectors: Readonly<Record<string, string>> = Object.fromEntries(
    await Promise.all(
        Object.entries(FILES).map(async ([name, conf]) => {
            const imported = await importKnockdConf(Buffer.from(conf).toString("latin1"), {
                name: "knockd.conf",
                readable: name === "sample",
            })
            const toml = imported.ok ? imported.text : `# ${imported.message}\n`
            return [
                [`import/${name}.conf`, conf],
                [`import/${name}.toml`, toml],
            ]
        }),
    ).then((pairs) => pairs.flat()),
)
