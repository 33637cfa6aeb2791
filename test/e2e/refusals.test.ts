/**
 * A firewall that refuses, or holds something else than we have put there: sets that others have filled, our table
 * replaced by another of the same name, a table of an older version taken over. Nothing hidden ever answers meanwhile,
 * and nobody who was let in is refused.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Daemon, eventually, type Lab, listTable, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"
import { listenOn, type Outsider, startOutsider } from "../lab/outside.ts"
import { makeProgram, type Program } from "../lab/program.ts"

const HITS = [32144, 21312, 27015]
const STRANGER = "10.77.0.2"
const FRIEND = "10.99.255.7"

let lab: Lab<"knocker">
let outsider: Outsider
let own: string
let program: Program
let tests = 0
const daemons: Daemon[] = []

beforeAll(async () => {
    lab = makeLab(["knocker"])
    outsider = await startOutsider(lab)
    await listenOn(lab, [22])
})

beforeEach(() => {
    own = join(lab.scratch, `test-${++tests}`)
    mkdirSync(own)
    program = makeProgram(own)
})

afterEach(async () => {
    for (const name of ["stranger", "friend"]) outsider.rest(name)
    for (const daemon of daemons.splice(0)) await daemon.stop()
    lab.gateway.exec(["nft", "delete table inet postern"])
})

afterAll(() => lab?.remove())

const door = (command = "") => `
[gateway]
state = "${join(own, "state")}"
grants = 16
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "1h"
hide  = true
  [door.sequence]
  hits = [${HITS.map((port) => `"${port}:udp"`).join(", ")}]
${command}`

/** Programs whose body is `script`, which gets `start` or `stop` as its first argument. */
function programs(script: string, after: string): string {
    program = makeProgram(own, script)
    return `${program.command(after)}  timeout = "1s"`
}

const ran = () => program.ran()

async function start(configuration = door()): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration)
    daemons.push(daemon)
    return daemon
}

const ask = (daemon: Daemon, ...words: readonly string[]) =>
    lab.gateway.exec([POSTERN, ...words, "--socket", daemon.socket])

const nft = (...commands: readonly string[]) => lab.gateway.must(["nft", commands.join("; ")])

/** From now on: who must be refused, and who must come in. */
function watchBoth(): void {
    outsider.keepTrying("stranger", STRANGER, 22)
    outsider.keepTrying("friend", FRIEND, 22)
}

/** The lines of a table, without elements that end by themselves: grants, and that who knocked was forgotten for a while. */
function lines(table: string): string[] {
    const all = table.split("\n").map((line) => line.trim())
    return all.filter((line) => !/ expires |10\.\d/.test(line)).sort((a, b) => (a < b ? -1 : 1))
}

/** At least so many tries of each since `watchBoth`, and none of them went wrong. */
async function nothingWrong(least = 20): Promise<void> {
    const enough = async () => {
        const { stranger, friend } = await outsider.tries()
        return stranger!.refused >= least && friend!.open >= least
    }
    expect(await eventually(enough), JSON.stringify(await outsider.tries())).toBe(true)
    const { stranger, friend } = await outsider.tries()
    expect(stranger).toMatchObject({ open: 0, silent: 0 })
    expect(friend).toMatchObject({ refused: 0, silent: 0 })
    account(
        `${expect.getState().currentTestName?.split(" > ").at(-1)}: hidden from strangers ${stranger!.refused} of ${stranger!.refused} times, open to its guest ${friend!.open} of ${friend!.open} times`,
    )
}

describe("a set that others have filled", () => {
    it("refuses, which is told; and takes the next knock when there is room again", async () => {
        const daemon = await start()
        // Twice `grants`.
        const all = Array.from({ length: 32 }, (_, i) => `192.0.2.${i}`)
        nft(`add element inet postern any4 { ${all.join(", ")} }`)
        outsider.knock("10.99.0.1", HITS)
        await daemon.log.waitFor(/error: firewall: cannot let 10\.99\.0\.1 through: the set is full/)
        await daemon.log.waitFor(/10\.99\.0\.1: refused: the right knock, but the firewall refused/)
        expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        nft("flush set inet postern any4")
        const again = async () => {
            outsider.knock("10.99.0.1", HITS)
            return eventually(() => daemon.log.all.some((line) => /10\.99\.0\.1: open: /.test(line)), 300)
        }
        expect(await eventually(again)).toBe(true)
        outsider.keepTrying("friend", "10.99.0.1", 22)
        outsider.keepTrying("stranger", STRANGER, 22)
        await nothingWrong()
    })
})

describe("our table, changed by others while it is in use", () => {
    const CHANGES: Readonly<Record<string, readonly string[]>> = {
        "replaced by another of the same name that lets all in": [
            "delete table inet postern",
            "add table inet postern",
            "add chain inet postern hide { type filter hook input priority 0; policy accept; }",
        ],
        "replaced by another that refuses all": [
            "delete table inet postern",
            "add table inet postern",
            "add chain inet postern theirs { type filter hook input priority 0; policy accept; }",
            "add rule inet postern theirs tcp dport 22 reject with tcp reset",
        ],
        "with a set of another kind in place of ours": [
            "flush chain inet postern lead",
            "flush chain inet postern hide",
            "delete set inet postern open4",
            "add set inet postern open4 { type ipv4_addr . inet_proto . inet_service; }",
        ],
        "without the set of grants": [
            "flush chain inet postern lead",
            "flush chain inet postern hide",
            "delete set inet postern open4",
        ],
        "without a chain": ["flush chain inet postern hide", "delete chain inet postern hide"],
    }

    it.each(Object.entries(CHANGES))("%s: is as it was, and who was in is in", async (_, commands) => {
        const daemon = await start()
        expect(ask(daemon, "grant", "ssh", FRIEND, "--for", "1h").status).toBe(0)
        const before = lines(listTable(lab.gateway))
        nft(...commands)
        await daemon.log.waitFor(/somebody took our table .* made again/)
        expect(lines(listTable(lab.gateway))).toEqual(before)
        watchBoth()
        await nothingWrong()
        outsider.knock("10.99.0.2", HITS)
        await daemon.log.waitFor(/10\.99\.0\.2: open: tcp\/22/)
    })
})

describe("a table that is there when the daemon starts", () => {
    /** What version 0.1 leaves behind, as it was read back from the kernel; and what else could be there. */
    const ALTERED: Readonly<Record<string, (table: string) => string>> = {
        "of this version, as a killed daemon leaves it": (table) => table,
        "whose sets are of another size": (table) => table.replaceAll("size 32", "size 99"),
        "whose sets also take elements from rules": (table) =>
            table.replaceAll(/flags timeout$/gm, "flags dynamic,timeout"),
        "without the sets and chains of watching": (table) =>
            table
                .replaceAll(/^\tchain (watch|remember|wrong) \{[^}]*(\{[^}]*\}[^}]*)*^\t\}\n/gm, "")
                .replaceAll(/^\tset (watched4|watched6|forgot|interfaces) \{.*?^\t\}\n/gms, ""),
        "that looks grants up in one set alone": (table) =>
            table.replaceAll(/^\tset any[46] \{.*?^\t\}\n/gms, "").replaceAll(/ip6? saddr @any[46] /g, ""),
        "with its chain at another place": (table) => table.replace("priority filter + 20", "priority filter + 10"),
        "with a chain that we do not know, which refuses": (table) =>
            table.replace(
                /\}\s*$/,
                `\tchain old {
                    type filter hook input priority filter + 30; policy accept;
                    ip saddr != ${FRIEND} tcp dport 22 reject with tcp reset
                }
                set theirs { type ipv4_addr; }
            }\n`,
            ),
    }

    it.each(Object.entries(ALTERED))("%s: is taken over without a gap", async (_, alter) => {
        const first = await start()
        expect(ask(first, "grant", "ssh", FRIEND, "--for", "1h").status).toBe(0)
        outsider.knock("10.99.0.3", HITS)
        await first.log.waitFor(/10\.99\.0\.3: open/)
        const wanted = listTable(lab.gateway)
        await first.stop("SIGKILL")
        const old = alter(listTable(lab.gateway))
        lab.gateway.must(["nft", "-f", "-"], { input: `table inet postern\ndelete table inet postern\n${old}` })
        watchBoth()
        const second = await start()
        await nothingWrong()
        expect(lines(listTable(lab.gateway))).toEqual(lines(wanted))
        const { stdout } = ask(second, "status", "--json")
        expect(stdout).toContain(FRIEND)
        expect(stdout).toContain("10.99.0.3")
        outsider.knock("10.99.0.4", HITS)
        await second.log.waitFor(/10\.99\.0\.4: open: tcp\/22/)
        outsider.keepTrying("friend", "10.99.0.4", 22)
        outsider.keepTrying("stranger", STRANGER, 22)
        await nothingWrong()
    })
})

describe("programs that take their time", () => {
    it("that hang are ended, told, and hold up no other door and no other source", async () => {
        const daemon = await start(door(programs(`[ "$2" = 10.99.1.1 ] && exec sleep 60`, "100ms")))
        outsider.knock("10.99.1.1", HITS)
        expect(await eventually(() => ran().includes("start 10.99.1.1"))).toBe(true)
        outsider.knock("10.99.1.2", HITS)
        expect(await eventually(() => ran().includes("stop 10.99.1.2"))).toBe(true)
        expect(ran()).not.toContain("stop 10.99.1.1")
        await daemon.log.waitFor(/10\.99\.1\.1: start: took too long and was ended/)
        await daemon.log.waitFor(/10\.99\.1\.1: stop: took too long and was ended/)
        expect(await daemon.stop()).toBe(0)
        const next = await start(door(programs("exit 0", "100ms")))
        await next.stop()
        expect(ran().filter((line) => line.includes("10.99.1.1"))).toEqual(["start 10.99.1.1", "stop 10.99.1.1"])
        account(
            `programs that hang: ${daemon.log.all.filter((line) => /took too long/.test(line)).length} ended and told`,
        )
    })

    it("a stop that fails is told and not run again; one that was running when the daemon died is", async () => {
        const first = await start(door(programs(`[ "$1" = stop ] && exit 3`, "100ms")))
        outsider.knock("10.99.2.1", HITS)
        await first.log.waitFor(/10\.99\.2\.1: stop: ended with exit code 3/)
        expect(await first.stop()).toBe(0)
        const second = await start(door(programs(`[ "$1" = stop ] && exec sleep 60`, "100ms")))
        outsider.knock("10.99.2.2", HITS)
        expect(await eventually(() => ran().includes("stop 10.99.2.2"))).toBe(true)
        await second.stop("SIGKILL")
        const third = await start(door(programs("exit 0", "100ms")))
        await third.log.waitFor(/10\.99\.2\.2: running stop/)
        expect(await eventually(() => ran().length === 5)).toBe(true)
        expect(await third.stop()).toBe(0)
        expect(ran()).toEqual(
            ["start", "stop"]
                .flatMap((what) => [`${what} 10.99.2.1`])
                .concat("start 10.99.2.2", "stop 10.99.2.2", "stop 10.99.2.2"),
        )
    })

    it("a grant that is renewed, revoked or ended while its start runs: one stop, after it, also across a crash", async () => {
        const gate = join(own, "gate")
        const wait = `[ "$1" = start ] && while [ ! -e ${gate} ]; do sleep 0.01; done; echo "$1 done" >>${program.trace}`
        const slow = door(programs(wait, "100ms").replace('"1s"', '"1m"'))
        const first = await start(slow)
        for (const source of ["10.99.3.1", "10.99.3.2"]) outsider.knock(source, HITS)
        expect(await eventually(() => ran().length === 2)).toBe(true)
        // One is renewed, the other revoked.
        const renewed = () => {
            outsider.knock("10.99.3.1", HITS)
            return eventually(() => first.log.all.some((line) => /10\.99\.3\.1: open for longer/.test(line)), 200)
        }
        expect(await eventually(renewed)).toBe(true)
        expect(ask(first, "revoke", "10.99.3.2").status).toBe(0)
        await first.log.waitFor(/10\.99\.3\.2: revoked/)
        expect(ran()).toHaveLength(2)
        writeFileSync(gate, "")
        expect(await eventually(() => ran().filter((line) => line.startsWith("stop 10")).length === 2)).toBe(true)
        expect(await first.stop()).toBe(0)
        const before = ran().length
        // Revoked, and dead before anything came of it.
        const second = await start(slow.replace('"100ms"', '"1h"'))
        outsider.knock("10.99.3.3", HITS)
        expect(await eventually(() => ran().length === before + 2)).toBe(true)
        expect(ask(second, "revoke", "10.99.3.3").status).toBe(0)
        await second.stop("SIGKILL")
        expect(await untilPort("refused", lab.hosts.knocker, lab.gateway.v4, 22)).toBe("refused")
        const third = await start(slow)
        expect(await eventually(() => ran().includes("stop 10.99.3.3"))).toBe(true)
        expect(await third.stop()).toBe(0)
        expect(listTable(lab.gateway)).not.toMatch(/10\.99\.3\.3/)
        const stops = ran().filter((line) => line === "stop 10.99.3.3")
        expect(stops.length).toBeLessThanOrEqual(2)
    })
})
