/**
 * `postern knock-compat` beside the real knock of Debian: the same random command lines to both, and what they print,
 * how they end and which packets they send compared. Every difference must be one that docs/postern-knock-compat.1.md
 * names. A failure prints its seed and path; as `{ seed, path }` beside `numRuns` they play it again.
 *
 *     client                               server
 *     lan0  10.95.0.2/24, fd95::2/64 ----  lan0  10.95.0.1/24, .3/24, fd95::1/64
 *     lo    a name server, port 7100       drops TCP unanswered: a SYN whose socket lives on is sent again
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Answer, Order, Played } from "../lab/knock-compat-driver.ts"
import { markLength, order, orderOf } from "../lab/knock-lines.ts"
import { collectLines, type Lines } from "../lab/lines.ts"
import { joinNamespaces, makeNamespace, type Namespace, whyNoNamespaces } from "../lab/namespace.ts"

const KNOCK = "/usr/bin/knock"
const root = join(import.meta.dirname, "..", "..")
const why = whyNoNamespaces() ?? (existsSync(KNOCK) ? null : "needs knock (Debian package knockd)")
const MARK = 65_000

/** What came of one command line. `packets`: `tcp 0 10.95.0.1.7000`, in the order they left. */
type Outcome = Pick<Played, "stdout" | "stderr" | "status"> & { readonly packets: readonly string[] }

/** Is this word a trap, behind that one? Looked at by themselves, so that no reading of ours decides. */
type Trap = (word: string, last: string) => boolean

const before = (word: string) => word.replace(/:.*/s, "")
const isNumber = (word: string) => /^\s*[+-]?\d+$/.test(word)

/** Why ours refuses what knock takes, or refuses in other words: the line that says so, and what must be there. */
const REFUSALS: Readonly<Record<string, { readonly says: RegExp; readonly trap: Trap }>> = {
    protocol: {
        says: /^knock: error: .*: behind the colon comes tcp or udp$/,
        trap: (word) => word.includes(":") && !/^[^:]*:(tcp|udp)?$/i.test(word),
    },
    "empty-port": {
        says: /^knock: error: '\*?(:\w*)?': no port; is a variable of the script empty\?$/,
        trap: (word) => ["", "*"].includes(before(word)),
    },
    "port-range": {
        says: /^knock: error: .*: no such port: they go up to 65535$/,
        trap: (word) => isNumber(before(word)) && (word.includes("-") || Number(before(word)) > 65_535),
    },
    "udp-zero": {
        says: /^knock: error: .*: nothing can be sent to port 0 by UDP$/,
        trap: (word) => isNumber(before(word)) && Number(before(word)) === 0,
    },
    delay: {
        says: /^knock: error: --delay .*: (not a number of milliseconds|at most 2147483 milliseconds)$/,
        trap: (word, last) => {
            const value = /^(?:-\w*d|--d\w*)$/.test(last) ? word : /^(?:-\w*?d|--d\w*=)(.+)$/.exec(word)?.[1]
            return value !== undefined && !/^\s*[+-]?\d{1,7}(ms)?$/.test(value)
        },
    },
    "negative-delay": {
        says: /^error: delay cannot be negative$/,
        trap: (word) => /-\d{10,}$/.test(word),
    },
    "checked-first": {
        says: /^Failed to resolve hostname '.*' on port .*\ngetaddrinfo: Servname not supported for ai_socktype$/,
        trap: (word) => !isNumber(before(word)),
    },
    star: {
        says: /^Failed to resolve hostname '\*' on port .*\ngetaddrinfo: Name or service not known$/,
        trap: (word) => word === "*",
    },
}

const THEIR_USAGE = /^usage: knock \[options\] <host> /
const OUR_USAGE = /^usage: knock \[options\] HOST PORT/
const THEIR_VERSION = /^knock 0\.8\nCopyright .*\n$/
const OUR_VERSION = /^knock 0\.8\nPostern \S+, in the place of knock\n$/
const UNSENT = /^(knock: warning: .* could not be sent to \S+ \(E[A-Z]+\)\n)+$/

/**
 * Which improvements explain that ours differs from knock; none: there is no difference. Throws with both outcomes
 * where something is left that none of them explains.
 */
function explain({ words, theirs }: Order, real: Outcome, ours: Outcome): readonly string[] {
    const names: string[] = words.join() === theirs.join() ? [] : ["upper-case"]
    const unexplained = () => new Error(JSON.stringify({ words, real, ours }, null, 4))
    const same = (a: Outcome, b: Outcome) => JSON.stringify(a) === JSON.stringify(b)
    let expected = real
    if (THEIR_USAGE.test(real.stdout) && OUR_USAGE.test(ours.stdout)) {
        names.push("help")
        expected = { ...expected, stdout: ours.stdout }
    }
    if (THEIR_VERSION.test(real.stdout) && OUR_VERSION.test(ours.stdout)) {
        names.push("version")
        expected = { ...expected, stdout: ours.stdout }
    }
    if (real.stderr.includes("\u001b")) {
        names.push("control-characters")
        expected = { ...expected, stderr: real.stderr.replaceAll("\u001b", "\ufffd") }
    }
    if (/^\/.*\/knock: /.test(real.stderr)) {
        names.push("program-name")
        expected = { ...expected, stderr: real.stderr.replace(/^\/.*\/knock: /, "knock: ") }
    }
    if (same(expected, ours)) return names
    if (expected.stderr === "" && UNSENT.test(ours.stderr) && same(expected, { ...ours, stderr: "" }))
        return [...names, "not-sent"]
    // What is left are refusals: nothing is sent or said but why.
    if (!same({ ...ours, stderr: "" }, { stdout: "", stderr: "", status: 1, packets: [] })) throw unexplained()
    for (const [complaint] of ours.stderr.matchAll(/^(Failed to resolve .*\n)?.*\n/gm)) {
        const known = Object.entries(REFUSALS).find(([, { says }]) => says.test(complaint.trimEnd()))
        if (known === undefined || !words.some((word, at) => known[1].trap(word, words[at - 1] ?? "")))
            throw unexplained()
        names.push(known[0])
    }
    return [...new Set(names)]
}

const outcome = ({ stdout, stderr, status, packets }: Outcome): Outcome => ({ stdout, stderr, status, packets })

/** The argument vector of one of our own programs. */
function lab(name: string, ...args: readonly string[]): string[] {
    return [process.execPath, "--import", "tsx", join("test/lab", name), ...args]
}

/** Where the packets went. */
const hosts = ({ packets }: Outcome) => new Set(packets.map((packet) => packet.replace(/.* (.*)\.\d+$/, "$1")))

/** One line for each improvement that a random line can meet, so that each is met. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
    "upper-case": ["-v", "10.95.0.1", "9000:UDP"],
    protocol: ["-v", "10.95.0.1", "22:udp:x"],
    "port-range": ["-v", "10.95.0.1", "70000"],
    "empty-port": ["-v", "10.95.0.1", ":udp"],
    "udp-zero": ["-v", "10.95.0.1", "0:udp"],
    delay: ["-d", "10x", "10.95.0.1", "1"],
    "negative-delay": ["-d", "-4294967295", "10.95.0.1", "1"],
    "checked-first": ["-v", "10.95.0.1", "1", "abc"],
    star: ["-v", "*", "7"],
    "not-sent": ["-v", "198.51.100.1", "1", "2:udp"],
    "control-characters": ["10.95.0.1", "a\u001bb"],
    help: ["-x"],
    version: ["-V"],
}

/** Hosts that are rare and easily got wrong: links by name and by number, on links and elsewhere. */
const RARE = ["::1%1", "fe80::1%1", "fe80::1%lan0", "fe80::1%lo", "::1%lo", "both.example", "::ffff:10.95.0.1", "::"]

describe.skipIf(why !== null)("postern knock-compat beside knock", () => {
    let client: Namespace
    let server: Namespace
    let driver: ReturnType<Namespace["start"]>
    let answers: Lines
    let packets: Lines
    let scratch: string
    let [seen, marks] = [0, 0]

    /** The packets up to this mark. */
    async function upTo(mark: number): Promise<readonly string[]> {
        const line = await packets.waitFor(new RegExp(`\\.${MARK}: UDP, length ${markLength(mark)}$`), { from: seen })
        const end = packets.all.indexOf(line, seen)
        const found = packets.all.slice(seen, end).flatMap(readPacket)
        seen = end + 1
        return found
    }

    /** Plays one command line to both. */
    async function play(order: Order): Promise<{ readonly real: Outcome & Played; readonly ours: Outcome & Played }> {
        const from = answers.all.length
        const first = marks
        marks += 2
        driver.stdin!.write(`${JSON.stringify(order)}\n`)
        const { real, ours }: Answer = JSON.parse(await answers.waitFor(/^\{/, { from, timeout: 30_000 }))
        return { real: { ...real, packets: await upTo(first) }, ours: { ...ours, packets: await upTo(first + 1) } }
    }

    /** A program in a process of its own, as a shell runs it. */
    async function alone(script: string, knock: string): Promise<Outcome> {
        const done = await client.run(["sh", "-c", script, "sh", knock])
        // What it has sent comes before what is played after it.
        const { real } = await play(orderOf(["-V"]))
        return outcome({ ...done, packets: real.packets })
    }

    beforeAll(async () => {
        scratch = mkdtempSync(join(tmpdir(), "postern-knock-"))
        symlinkSync(join(root, "postern"), join(scratch, "knock"))
        writeFileSync(join(scratch, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:3\n")
        const hosts = ["127.0.0.1 localhost", "::1 localhost", "10.95.0.1 both.example", "fd95::1 both.example"]
        writeFileSync(join(scratch, "hosts"), `${hosts.join("\n")}\n`)
        client = makeNamespace("client")
        server = makeNamespace("server")
        joinNamespaces(
            { namespace: client, device: "lan0", addresses: ["10.95.0.2/24", "fd95::2/64"] },
            { namespace: server, device: "lan0", addresses: ["10.95.0.1/24", "10.95.0.3/24", "fd95::1/64"] },
        )
        server.must(["nft", "table inet t { chain c { type filter hook input priority 0; meta l4proto tcp drop; }; }"])
        // First SYNs and resets, and datagrams that begin with a NUL byte: whatever else one sends, the other has to.
        const tcp = "(tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn) or (ip6[6] == 6 and ip6[53] & 0x12 == 2)"
        const udp = "(udp and not port 53 and udp[8] == 0) or (ip6[6] == 17 and ip6[48] == 0)"
        // Frames of all interfaces have no known size: without -s the buffer has room for eight of them.
        const options = ["-i", "any", "-n", "-q", "-t", "-l", "--immediate-mode", "-s", "128"]
        const tcpdump = client.start(["tcpdump", ...options, `${tcp} or ${udp}`])
        packets = collectLines(tcpdump, tcpdump.stdout!)
        await collectLines(tcpdump, tcpdump.stderr!).waitFor(/listening on/)
        const names = ["two.example=10.95.0.1,10.95.0.3", "xn--bcher-kva.example=10.95.0.1"]
        const namer = client.start(lab("name-server.ts", ...names), { cwd: root })
        await collectLines(namer, namer.stdout!).waitFor(/ready/)
        const bind = `for file in resolv.conf hosts; do mount --bind ${scratch}/$file /etc/$file || exit; done; exec "$@"`
        const argv = lab("knock-compat-driver.ts", "10.95.0.1", `${MARK}`)
        const stdio = ["pipe", "pipe", "inherit"] as const
        driver = client.start(["unshare", "--mount", "sh", "-c", bind, "sh", ...argv], { stdio: [...stdio], cwd: root })
        answers = collectLines(driver, driver.stdout!)
    })

    afterAll(() => {
        client?.remove()
        server?.remove()
        if (scratch) rmSync(scratch, { recursive: true, force: true })
    })

    it("prints, sends and returns the same for random command lines, but for what is better on purpose", async () => {
        const used = new Map<string, number>()
        let sent = 0
        await fc.assert(
            fc.asyncProperty(order, async (order) => {
                const { real, ours } = await play(order)
                const names = explain(order, outcome(real), outcome(ours))
                for (const name of names.length > 0 ? names : ["same"]) used.set(name, (used.get(name) ?? 0) + 1)
                sent += ours.packets.length
            }),
            {
                numRuns: 800,
                examples: [...Object.values(EXAMPLES), ...RARE.map((host) => ["-v", host, "7"])].map((words) => [
                    orderOf(words),
                ]),
            },
        )
        expect([...used.keys()].toSorted()).toEqual([...Object.keys(EXAMPLES), "same"].toSorted())
        expect(used.get("same")).toBeGreaterThan(150)
        expect(sent).toBeGreaterThan(300)
    })

    it.each(Object.entries(EXAMPLES))("differs where it says so: %s", async (name, words) => {
        const { real, ours } = await play(orderOf(words))
        expect(explain(orderOf(words), outcome(real), outcome(ours))).toContain(name)
    })

    it("means UDP by :UDP, where knock sends a SYN", async () => {
        const words = ["-v", "10.95.0.1", "9000:UDP"]
        const { real, ours } = await play({ words, theirs: words, strict: false })
        expect([real.packets, ours.packets]).toEqual([["tcp 0 10.95.0.1.9000"], ["UDP, length 1 10.95.0.1.9000"]])
        expect([real.stdout, ours.stdout]).toEqual(["hitting tcp 10.95.0.1:9000\n", "hitting udp 10.95.0.1:9000\n"])
    })

    it("asks for the host once, where knock spreads one knock over its addresses", async () => {
        const { real, ours } = await play(orderOf(["two.example", "1", "2:udp", "3"]))
        expect(hosts(real)).toEqual(new Set(["10.95.0.1", "10.95.0.3"]))
        expect(hosts(ours).size).toBe(1)
        expect(ours.packets).toHaveLength(3)
    })

    it("finds hosts with other letters than English has", async () => {
        const { real, ours } = await play(orderOf(["-v", "bücher.example", "7"]))
        expect(real).toMatchObject({ status: 1, stderr: expect.stringContaining("not known") })
        expect(ours).toMatchObject({ status: 0, stdout: "hitting tcp 10.95.0.1:7\n", stderr: "" })
    })

    it("pauses after each port, after the last one too, and sends no SYN again meanwhile", async () => {
        const { real, ours } = await play(orderOf(["-d", "1200", "10.95.0.1", "7000"]))
        expect([real.packets, ours.packets]).toEqual([["tcp 0 10.95.0.1.7000"], ["tcp 0 10.95.0.1.7000"]])
        expect(ours.ms).toBeGreaterThan(real.ms / 2)
    })

    it("leaves no connection behind where something listens, where knock leaves one that waits", async () => {
        const listener = `require("net").createServer((s) => s.on("error", () => {}).resume().on("end", () => s.end()))
            .listen(7100, "127.0.0.1", () => console.log("ready"))`
        const child = client.start([process.execPath, "-e", listener])
        await collectLines(child, child.stdout!).waitFor(/ready/)
        const waiting = () => client.must(["ss", "-Htan", "state", "time-wait", "dport", "=", ":7100"]) !== ""
        await alone('"$1" 127.0.0.1 7100', join(scratch, "knock"))
        expect(waiting()).toBe(false)
        // Most of the time it has its answer before it closes.
        for (let tries = 0; tries < 20 && !waiting(); tries++) await alone('"$1" 127.0.0.1 7100', KNOCK)
        expect(waiting()).toBe(true)
        child.kill()
    })

    it.each([
        ["as knock", '"$1" -v 10.95.0.1 7000 8000:udp ssh', []],
        ["without a word", '"$1"', ["help"]],
        ["with a wrong option", '"$1" --ver 10.95.0.1 1', ["help", "program-name"]],
        ["for its version", '"$1" -V', ["version"]],
        ["with a wrong port", '"$1" 10.95.0.1 70000', ["port-range"]],
        ["with nobody to read", 'exec 2>&1; "$1" -v 10.95.0.1 1 >/dev/full; echo $?', []],
    ])("is the same program when it is called by a link: %s", async (_, script, names) => {
        const [real, ours] = [await alone(script, KNOCK), await alone(script, join(scratch, "knock"))]
        expect(explain(orderOf(script.split(" ")), real, ours)).toEqual(names)
    })

    it("goes on when the reader of -v goes away, where knock ends in the middle", async () => {
        // A pipe that nobody reads: who opened it for both is gone.
        const script = `mkfifo ${scratch}/pipe; exec 3<>${scratch}/pipe >${scratch}/pipe 3<&-; rm ${scratch}/pipe
            "$1" -v -d 1 10.95.0.1 1 2:udp 3; echo $? >&2`
        const [real, ours] = [await alone(script, KNOCK), await alone(script, join(scratch, "knock"))]
        expect(real.packets.length).toBeLessThan(3)
        expect(ours.packets).toEqual(["tcp 0 10.95.0.1.1", "UDP, length 1 10.95.0.1.2", "tcp 0 10.95.0.1.3"])
        expect(ours.stderr).toBe("0\n")
    })
})

describe("postern-knock-compat(1)", () => {
    it("names every difference that is shown here, and no other", () => {
        const page = readFileSync(join(root, "docs/postern-knock-compat.1.md"), "utf8")
        const names = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name!)
        const here = ["resolve-once", "international", "reset", "reader", "program-name"]
        expect(names.toSorted()).toEqual([...Object.keys(EXAMPLES), ...here].toSorted())
    })
})

/** `lan0  Out IP 10.95.0.2.4711 > 10.95.0.1.7000: tcp 0` as `tcp 0 10.95.0.1.7000`; of lo only what comes is shown. */
function readPacket(line: string): readonly string[] {
    const [, device, way, to, what] = /^(\w+) +(\w+) .* > (\S+): (tcp \d+|UDP, length \d+)/.exec(line) ?? []
    if (to === undefined) throw new Error(`what is this packet? ${line}`)
    return (device === "lo") === (way === "In") ? [`${what} ${to}`] : []
}
