/** What other people's rules say of who is let in: texts as the tools print them. */
import { describe, expect, it } from "vitest"
import { listedHidden, listedRules } from "../../../src/adapters/host/listed-rules.ts"
import { savedFilters, savedHidden, savedTables } from "../../../src/adapters/host/saved-rules.ts"
import { configurationOf, parseSettings } from "../../../src/adapters/host/sshd.ts"
import { parseUnits } from "../../../src/adapters/host/units.ts"
import type { FilterFact } from "../../../src/core/doctor/facts.ts"
import { formatNetwork } from "../../../src/core/net/address.ts"

const saved = (...lines: readonly string[]) => ["*filter", ...lines, "COMMIT", ""].join("\n")
const filters = (...lines: readonly string[]) => savedFilters("IPv4", "iptables", "ip filter", saved(...lines))
const filter = (...lines: readonly string[]) => filters(...lines)[0]
const forward = (...lines: readonly string[]) => filters(...lines)[1]
/** What a filter lets in, with the place where it says one. */
const lets = (fact: FilterFact | undefined) =>
    fact?.admits.map(({ service, to }) =>
        [
            service === null ? "all" : `${service.protocol}/${service.port}`,
            ...(to === null ? [] : [formatNetwork(to)]),
        ].join(" "),
    )
const ports = (services: readonly { readonly protocol: string; readonly port: number }[] | undefined) =>
    services?.map(({ protocol, port }) => `${protocol}/${port}`)

describe("savedFilter()", () => {
    it("knows a filter that ends with a drop, by its policy or by its last rule", () => {
        expect(filter(":INPUT ACCEPT [0:0]")?.closed).toBe(false)
        expect(filter(":INPUT DROP [0:0]")?.closed).toBe(true)
        expect(filter(":INPUT ACCEPT [0:0]", "-A INPUT -j REJECT --reject-with icmp-host-prohibited")?.closed).toBe(
            true,
        )
        expect(filter(":INPUT ACCEPT [0:0]", "-A INPUT -s 192.0.2.1/32 -j DROP")?.closed).toBe(false)
        expect(savedFilters("IPv4", "iptables", "x", "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n")).toEqual([])
    })

    it("finds the ports that it lets in: alone, listed, as a range, by way of other chains", () => {
        const found = filter(
            ":INPUT DROP [0:0]",
            "-A INPUT -p tcp -m multiport --dports 80,443,8000:8001 -j ACCEPT",
            "-A INPUT -p tcp -m tcp --dport 22 -j LIMITED",
            "-A LIMITED -p udp -m udp --dport 53 -j ACCEPT",
            "-A INPUT -p tcp -m tcp --dport 25 -j DROP",
            "-A FORWARD -p tcp -m tcp --dport 110 -j ACCEPT",
            "-A INPUT -p tcp -m tcp ! --dport 23 -s 192.0.2.1/32 -j ACCEPT",
            "-A NOWHERE -p tcp -m tcp --dport 143 -j ACCEPT",
        )
        expect(lets(found)).toEqual(["tcp/80", "tcp/443", "tcp/8000", "tcp/8001", "tcp/22", "udp/53"])
    })

    it("is closed and clear as ufw makes it", () => {
        const found = filter(
            ":INPUT DROP [0:0]",
            "-A INPUT -j ufw-before-input",
            "-A ufw-before-input -i lo -j ACCEPT",
            "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT",
            "-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT",
            "-A ufw-before-input -d 224.0.0.251/32 -p udp -m udp --dport 5353 -j ACCEPT",
            "-A ufw-before-input -j ufw-user-input",
            "-A ufw-user-input -p tcp -m tcp --dport 443 -j ACCEPT",
            "-A ufw-user-limit-accept -j ACCEPT",
            "-A ufw-skip-to-policy-output -j ACCEPT",
        )
        expect(found).toMatchObject({ closed: true, unclear: false, marks: [] })
        expect(lets(found)).toContain("tcp/443")
    })

    it("tells what is sent through this host from what is sent to it, by place", () => {
        const found = forward(
            ":FORWARD DROP [0:0]",
            "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            "-A FORWARD -j DOCKER-USER",
            "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A FORWARD -o docker0 -j DOCKER",
            "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
            "-A FORWARD -d 192.0.2.0/24 -j ACCEPT",
            "-A FORWARD ! -d 192.0.2.0/24 -p tcp -m tcp --dport 25 -j ACCEPT",
            "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
        )
        expect(found).toMatchObject({ hook: "forward", closed: true, unclear: false })
        expect(lets(found)?.toSorted()).toEqual(["all 192.0.2.0/24", "tcp/25", "tcp/80 172.17.0.2/32"])
        expect(forward(":FORWARD DROP [0:0]", "-A FORWARD -i eth0 -o eth1 -j ACCEPT")?.unclear).toBe(true)
    })

    it("sees marks, rewritten destinations, and what cannot be read", () => {
        const marked = filter(":INPUT DROP [0:0]", "-A INPUT -m mark --mark 0x10000000/0x10000000 -j ACCEPT")
        expect(marked).toMatchObject({ marks: [0x10000000], unclear: false })
        expect(filter("-A INPUT -m conntrack --ctstate DNAT -j ACCEPT")?.rewritten).toBe(true)
        expect(filter("-A INPUT -m set --match-set friends src -j ACCEPT")?.unclear).toBe(true)
        expect(filter("-A INPUT -i eth1 -j ACCEPT")?.unclear).toBe(true)
        expect(filter("-A INPUT -s 192.0.2.0/24 -j ACCEPT")?.unclear).toBe(false)
    })
})

describe("savedHidden()", () => {
    const HIDE = [
        "-A POSTERN-HIDE -i lo -j RETURN",
        "-A POSTERN-HIDE -p tcp -m socket --nowildcard -m tcp --dport 22 -j POSTERN-REFUSE",
        "-A POSTERN-HIDE -p udp -m socket --nowildcard -m udp --dport 53 -j POSTERN-REFUSE",
    ]
    it("gives what our chains refuse, and nothing where no packet comes to them", () => {
        expect(ports(savedHidden(saved("-A INPUT -j POSTERN-HIDE", ...HIDE)))).toEqual(["tcp/22", "udp/53"])
        expect(savedHidden(saved(...HIDE))).toEqual([])
    })
})

describe("savedTables()", () => {
    it("names tables with rules or closed policies", () => {
        const empty = "*mangle\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
        expect(savedTables(`${empty}${saved("-A INPUT -j ACCEPT")}*raw\n:OUTPUT DROP [0:0]\nCOMMIT\n`)).toEqual([
            "filter",
            "raw",
        ])
    })
})

describe("listedRules()", () => {
    it("has nothing to say of what is no listing", () => {
        for (const text of ["", "{}", "[1]", '{"nftables":[null,7,{"chain":3},{"rule":{}}]}'])
            expect(listedRules([text])).toMatchObject({ filters: [], ours: { there: false, translates: false } })
        expect(listedHidden('{"nftables":[{"set":{"elem":[1,{"concat":[6]},{"concat":[1,22]}]}}]}')).toEqual([])
    })
})

describe("parseUnits()", () => {
    it("takes those that are there, with what is started at boot", () => {
        const text = [
            "Id=postern.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled",
            "Id=ufw.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled",
            "Id=firewalld.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=",
            "Id=nftables.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked",
        ].join("\n\n")
        expect(parseUnits(text)).toEqual([
            { name: "postern.service", active: true, enabled: true },
            { name: "ufw.service", active: false, enabled: false },
        ])
    })
})

describe("configurationOf()", () => {
    it("finds the file that an sshd was started with", () => {
        expect(configurationOf("/usr/sbin/sshd\0-D\0-f\0/etc/ssh/other\0")).toBe("/etc/ssh/other")
        expect(configurationOf("sshd: /usr/sbin/sshd -D -e -f /x/config [listener] 0 of 10-100 startups")).toBe(
            "/x/config",
        )
        for (const text of ["sshd: /usr/sbin/sshd -D [listener] 0 of 10-100", "/usr/sbin/sshd\0-f\0relative\0", ""])
            expect(configurationOf(text)).toBe("/etc/ssh/sshd_config")
    })
})

describe("parseSettings()", () => {
    it("takes keywords with their values, of several the first", () => {
        expect(parseSettings("port 22\nlistenaddress 127.0.0.1:22\nlistenaddress [::1]:22\nodd\n")).toEqual({
            port: "22",
            listenaddress: "127.0.0.1:22",
        })
    })
})
