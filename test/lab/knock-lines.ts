/**
 * Random command lines for knock: mostly such as people write, with each trap that is known often enough to be met in
 * some hundred lines.
 */
import fc from "fast-check"
import type { Order } from "./knock-compat-driver.ts"

const pick = (...words: readonly string[]) => fc.constantFrom(...words)

const port = fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 59_999 }).map(String) },
    { weight: 2, arbitrary: pick("ssh", "domain", "tftp", "http", "www", "snmp", "kerberos", "ntp", "syslog") },
    { weight: 1, arbitrary: pick("0", "00", "+22", " 22", "022", "000000000000022", "65535", "65536", "70000") },
    { weight: 1, arbitrary: pick("", "*", "abc", "SSH", "0x16", "22 ", "1.5", "-1", "-70000", "-4294967295") },
    { weight: 1, arbitrary: pick("99999999999999999999", "4294967297", "-", "22x", "ü", "a\u001bb") },
)

const protocol = fc.oneof(
    { weight: 6, arbitrary: fc.constant("") },
    { weight: 6, arbitrary: pick(":udp", ":tcp") },
    { weight: 1, arbitrary: pick(":UDP", ":Udp", ":TCP", ":", ":x", ":udp:x", ":udp ", ":icmp", "::1") },
)

/**
 * `10.95.0.1` and `fd95::1` are the server of test/interop/knock-compat.test.ts, both.example too; the client's link to
 * it is lan0.
 */
const host = fc.oneof(
    { weight: 8, arbitrary: pick("10.95.0.1", "fd95::1", "FD95:0::0001", "10.95.1", "::ffff:10.95.0.1", "0xa5f0001") },
    { weight: 3, arbitrary: pick("127.0.0.1", "::1", "localhost", "127.1", "2130706433", "0", "::", "both.example") },
    { weight: 1, arbitrary: pick("198.51.100.1", "2001:db8::1", "fe80::1", "fe80::1%lan0", "fe80::1%lo", "fe80::1%1") },
    { weight: 1, arbitrary: pick("", "*", "[::1]", "::1%lo", "::1%1", "fe80::1%nosuch", "fe80::1%", "%lan0", "::1%") },
    {
        weight: 1,
        arbitrary: pick("nosuch.invalid", "256.1.1.1", "-", "a b", "1::2::3", "255.255.255.255", "ü", " ::1"),
    },
)

const option = fc.oneof(
    { weight: 9, arbitrary: pick("-v", "-u", "-4", "-6", "-uv", "-v4", "-46", "-64v") },
    { weight: 5, arbitrary: pick("--udp", "--verbose", "--ipv4", "--ipv6", "--ud", "--verb", "--u") },
    { weight: 4, arbitrary: pick("-d 3", "-d3", "-vd 2", "-uvd4", "--delay 2", "--delay=3", "--del 1", "--d 2") },
    { weight: 2, arbitrary: pick("-d 1ms", "-d +2", "-d -0", "--delay=", "-d -5", "-d 10x", "-d abc", "-d 1.5") },
    { weight: 1, arbitrary: pick("-d 1s", "-d 4294967295", "-d -4294967295", "-d 2147483648", "--delay=-1") },
    { weight: 1, arbitrary: pick("--ipv", "--ver", "--v", "--vers", "--hel", "--h", "-V", "-h", "-hv", "-Vh") },
    { weight: 1, arbitrary: pick("-x", "--foo", "--foo=1", "--=x", "--udp=1", "-W", "-5", "--", "-", "-d", "--delay") },
)

/** These stand last: they would take a port for a pause of many seconds. */
const BARE = /^(-d|--delay)$/

/** What both are to play. knock is told `:udp` where a line has it in capitals: ours must do the same with either. */
export function orderOf(words: readonly string[], strict = false): Order {
    return { words, theirs: words.map((word) => word.replace(/^([^:]*):udp$/i, "$1:udp")), strict }
}

/** A command line. Options stand anywhere between the operands; some lines have too few of these. */
export const order: fc.Arbitrary<Order> = fc
    .record({
        host,
        ports: fc.array(fc.tuple(port, protocol), { minLength: 1, maxLength: 4 }),
        options: fc.array(fc.record({ words: option, at: fc.nat(5) }), { maxLength: 3 }),
        verbose: fc.boolean(),
        strict: fc.nat(19).map((n) => n === 19),
        most: fc.integer({ min: 0, max: 29 }),
    })
    .map(({ host, ports, options, verbose, strict, most }) => {
        const operands = [host, ...ports.map((parts) => parts.join(""))].slice(0, most < 2 ? most : undefined)
        const words = [...operands.keys(), operands.length].flatMap((index) => [
            ...options
                .filter(({ words, at }) => Math.min(BARE.test(words) ? 9 : at, operands.length) === index)
                .flatMap((one) => one.words.split(" ")),
            ...operands.slice(index, index + 1),
        ])
        return orderOf(verbose ? ["-v", ...words] : words, strict)
    })

/** How many bytes the driver's nth mark has (from 0): more than any hit. */
export const markLength = (n: number): number => 9 + (n % 50)
