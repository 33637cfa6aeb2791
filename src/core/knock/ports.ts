/** Ports that people know by name, or that have a reputation. */

/** Names for which a refusal can say the number (IANA service names). */
export const SERVICE_NUMBERS: ReadonlyMap<string, number> = new Map([
    ["ftp", 21],
    ["ssh", 22],
    ["telnet", 23],
    ["smtp", 25],
    ["domain", 53],
    ["dns", 53],
    ["http", 80],
    ["pop3", 110],
    ["ntp", 123],
    ["imap", 143],
    ["snmp", 161],
    ["ldap", 389],
    ["https", 443],
    ["ipsec", 500],
    ["ldaps", 636],
    ["imaps", 993],
    ["pop3s", 995],
    ["openvpn", 1194],
    ["mysql", 3306],
    ["rdp", 3389],
    ["postgresql", 5432],
    ["postgres", 5432],
    ["vnc", 5900],
    ["redis", 6379],
    ["wireguard", 51820],
])

/** Ports from 1024 on that every scanner and many clients visit by themselves. Below 1024 all are well known. */
const VISITED: ReadonlySet<number> = new Set([
    1194, 1433, 1521, 1723, 1883, 2049, 2082, 2083, 2181, 2222, 2375, 3000, 3128, 3306, 3389, 4443, 5000, 5060, 5061,
    5353, 5432, 5555, 5672, 5900, 5901, 5938, 6379, 6443, 7547, 8000, 8008, 8080, 8081, 8443, 8888, 9000, 9090, 9100,
    9200, 10000, 11211, 25565, 27017, 32400, 51820,
])

/** Ports to which a web browser refuses to connect (WHATWG Fetch, "bad port"), those from 1024 on. */
const BROWSERS_REFUSE: ReadonlySet<number> = new Set([
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])

/** Does traffic reach this port that has nothing to do with knocking? */
export function wellKnownPort(port: number): boolean {
    return port < 1024 || VISITED.has(port)
}

/** Would `fetch()` and a browser's address bar refuse this port? Only told for ports that are not well known anyway. */
export function browserRefuses(port: number): boolean {
    return BROWSERS_REFUSE.has(port)
}

/** All from 1024 on that are left out of one-time sequences (spec/one-time.md, section 6). */
export const NEVER_DRAWN: readonly number[] = [...new Set([...VISITED, ...BROWSERS_REFUSE])].sort((a, b) => a - b)

/** Is this port left out of one-time sequences (spec/one-time.md, section 6)? */
export function neverDrawn(port: number): boolean {
    return wellKnownPort(port) || browserRefuses(port)
}
