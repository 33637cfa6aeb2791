/**
 * The daemon as an operator meets it: what it logs, what `nft list` shows, what it says to a wrong configuration, and
 * the doors' conditions (`sources`, `always`, `target`, `closes`, commands), with real packets.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import {
    type Daemon,
    eventually,
    floodFrom,
    type Host,
    type Lab,
    listTable,
    makeLab,
    POSTERN,
    portState,
} from "../lab/lab.ts"
import { joinNamespaces } from "../lab/namespace.ts"
import { AS_NOBODY } from "../lab/privilege.ts"

let lab: Lab<"knocker" | "stranger">
let gateway: Host
let knocker: Host
let stranger: Host
const daemons: Daemon[] = []

const door = (extra = "", sequence = "") => `
[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "2s"
hide  = true
${extra}
  [door.sequence]
  hits   = ["32144", "21312:udp", "27015"]
  within = "10s"
  ${sequence}
`

async function start(configuration: string, until?: RegExp | null): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration, until === undefined ? {} : { until })
    daemons.push(daemon)
    return daemon
}

function knock(host: Host, address: string, ...hits: readonly string[]): void {
    const wanted = hits.length > 0 ? hits : ["32144:tcp", "21312:udp", "27015:tcp"]
    host.must(["knock", "-d", "20", address, ...wanted])
}

beforeAll(() => {
    lab = makeLab(["knocker", "stranger"])
    gateway = lab.gateway
    knocker = lab.hosts.knocker
    stranger = lab.hosts.stranger
    const listener = `for (const p of [22, 80]) require("net").createServer((s) => s.on("error", () => {}).end("hello\\n")).listen(p)`
    gateway.start([process.execPath, "-e", listener], { stdio: "ignore" })
    return eventually(async () => (await portState(knocker, gateway.v4, 22)) === "open").then((up) => {
        expect(up).toBe(true)
    })
})

afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    gateway.exec(["nft", "delete", "table", "inet", "postern"])
})

afterAll(() => lab?.remove())

describe("the log at its default level", () => {
    it("tells a knock as a story: stages, open for whom and until when, closed; and no hit is in it", async () => {
        const daemon = await start(door())
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/closed on time/)
        const story = daemon.log.all
            .filter((line) => line.includes(knocker.v4))
            .map((line) => line.replace(/^\S+ /, ""))
        expect(story).toEqual([
            "ssh: 10.77.0.2: stage 1 of 3",
            "ssh: 10.77.0.2: stage 2 of 3",
            "ssh: 10.77.0.2: stage 3 of 3",
            expect.stringMatching(/^ssh: 10\.77\.0\.2: open: tcp\/22 for 2 s, until \d\d:\d\d:\d\d$/),
            "ssh: 10.77.0.2: closed on time",
        ])
        for (const hit of ["32144", "21312", "27015"]) expect(daemon.log.all.join("\n")).not.toContain(hit)
    })

    it("tells when an attempt is spoiled and when its window has passed", async () => {
        const daemon = await start(door().replace('"10s"', '"500ms"'))
        knock(knocker, gateway.v4, "32144:tcp", "4444:tcp")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: spoiled at stage 1 of 3/)
        knock(knocker, gateway.v4, "32144:tcp", "21312:udp")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: timed out at stage 2 of 3/)
    })

    it("says what is watched and how before it says ready, and what stays when it stops", async () => {
        const daemon = await start(door())
        expect(daemon.log.all.join("\n")).toMatch(/watching eth0,? by (nflog|packet-socket)/)
        expect(await daemon.stop()).toBe(0)
        expect(daemon.log.all.join("\n")).toMatch(/SIGTERM: stopping[\s\S]*stopped: what is hidden stays hidden/)
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
    })
})

describe("nft list table inet postern", () => {
    it("shows who is in, to what, and for how long; a second knock renews and adds nothing", async () => {
        const daemon = await start(door())
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ open: /)
        const element = /10\.77\.0\.2 \. tcp \. 22 [^,}]*expires/g
        expect(listTable(gateway).match(element)).toHaveLength(1)
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ open for longer: /)
        expect(listTable(gateway).match(element)).toHaveLength(1)
        await daemon.log.waitFor(/closed on time/)
        expect(listTable(gateway)).not.toMatch(element)
    })

    it("is put back when it is in force already, and live grants survive a restart of the daemon", async () => {
        const configuration = door().replace('"2s"', '"60s"')
        const first = await start(configuration)
        knock(knocker, gateway.v4)
        await first.log.waitFor(/ open: /)
        await first.stop("SIGKILL")
        await start(configuration)
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        expect(await portState(stranger, gateway.v4, 22)).toBe("refused")
    })
})

describe("somebody else's firewall", () => {
    for (const loss of ["flush ruleset", "delete table inet postern", "flush table inet postern"]) {
        for (const capture of ["nflog", "packet-socket"]) {
            it(`\`nft ${loss}\` is noticed by ${capture}: hidden, open and knocked as before`, async () => {
                const daemon = await start(`[gateway]\ncapture = "${capture}"\n${door().replace('"2s"', '"30s"')}`)
                knock(knocker, gateway.v4)
                await daemon.log.waitFor(/open: tcp\/22/)
                gateway.must(["nft", loss])
                await daemon.log.waitFor(/took our table .* made again/)
                expect(await portState(knocker, gateway.v4, 22)).toBe("open")
                expect(await portState(stranger, gateway.v4, 22)).toBe("refused")
                knock(stranger, gateway.v4)
                await daemon.log.waitFor(new RegExp(`${stranger.v4}: open: tcp/22`))
                expect(await portState(stranger, gateway.v4, 22)).toBe("open")
            })
        }
    }

    it("as many grants as are allowed and no more, again and again, and the log stays short", async () => {
        const brief = door().replace('"2s"', '"1s"').replace("21312:udp", "21312")
        const begun = performance.now()
        const daemon = await start(`[gateway]\ngrants = 16\n${brief}`)
        // Whole knocks of a thousand sources.
        const order = { protocol: "tcp", destination: gateway.v4, ports: [32144, 21312, 27015], rate: 3000 } as const
        const sources = { kind: "sequential", network: "10.99.0.0/16" } as const
        for (let round = 0; round < 3; round++) {
            const from = daemon.log.all.length
            await stranger.run(floodFrom(stranger, gateway, { ...order, sources, count: 3000, seed: round + 1 }))
            await daemon.log.waitFor(/closed on time/, { from })
            const opened = daemon.log.all.slice(from).filter((line) => /: open: /.test(line))
            expect(opened.length).toBeGreaterThanOrEqual(16)
            expect(await eventually(() => listTable(gateway).match(/10\.99\.\S+ \. tcp/) === null)).toBe(true)
        }
        expect(daemon.log.all.filter((line) => /cannot let|firewall refused/.test(line))).toEqual([])
        // Of nine thousand packets, however long they take: three rations of a hundred lines at once and twenty a second,
        // some of the daemon's life, and two of each grant.
        const seconds = (performance.now() - begun) / 1000
        const grants = daemon.log.all.filter((line) => /: open: |: closed on time/.test(line)).length
        expect(daemon.log.all.length - grants).toBeLessThan(3 * (100 + 20 * seconds) + 50)
        expect(grants).toBeLessThanOrEqual(2 * 16 * (1 + seconds))
    })
})

describe("a door's conditions", () => {
    it("`sources`: the right knock from elsewhere is refused, and the log says why", async () => {
        const daemon = await start(door('sources = ["10.77.0.3/32"]'))
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: refused: .*`sources`/)
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        knock(stranger, gateway.v4)
        await daemon.log.waitFor(/ssh: 10\.77\.0\.3: open/)
        expect(await portState(stranger, gateway.v4, 22)).toBe("open")
    })

    it("`always`: those networks need no knock, in both families", async () => {
        await start(door('always = ["10.77.0.2", "fd77::2/128"]'))
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        expect(await portState(knocker, gateway.v6, 22)).toBe("open")
        expect(await portState(stranger, gateway.v4, 22)).toBe("refused")
        expect(await portState(stranger, gateway.v6, 22)).toBe("refused")
    })

    it("`target`: only knocks at that address count", async () => {
        gateway.must(["ip", "address", "add", "10.77.0.77/24", "dev", "eth0"])
        const daemon = await start(door("", 'target = ["10.77.0.77"]'))
        knock(knocker, gateway.v4)
        knock(stranger, "10.77.0.77")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.3: open/)
        expect(daemon.log.all.join("\n")).not.toContain("10.77.0.2")
        gateway.must(["ip", "address", "del", "10.77.0.77/24", "dev", "eth0"])
    })

    it("`closes`: the closing knock ends the grant before its time", async () => {
        const closing = `
            [[door]]
            name = "close-ssh"
            closes = ["ssh"]
              [door.sequence]
              hits = ["27015", "21312:udp", "32144"]
              within = "10s"`
        const daemon = await start(door().replace('"2s"', '"1h"') + closing)
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: open/)
        expect(await portState(knocker, gateway.v4, 22)).toBe("open")
        knock(knocker, gateway.v4, "27015:tcp", "21312:udp", "32144:tcp")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: closed by a closing knock/)
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        expect(listTable(gateway)).not.toContain(`${knocker.v4} . tcp . 22`)
    })

    it("`command`: start and stop run with the source as an argument, and what they print is in the log", async () => {
        const file = join(lab.scratch, "commands")
        const script = join(lab.scratch, "note")
        writeFileSync(script, `#!/bin/sh\necho "$@" >>${file}\necho "noted $1"\n`, { mode: 0o755 })
        const daemon = await start(`
            [gateway]
            state = "${join(lab.scratch, "state")}"
            [[door]]
            name = "wake"
              [door.sequence]
              hits = ["32144", "21312:udp", "27015"]
              within = "10s"
              [door.command]
              start = ["${script}", "start", "{source}", "{door}", "; rm -rf $HOME"]
              stop = ["${script}", "stop", "{source}"]
              after = "300ms"`)
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/wake: 10\.77\.0\.2: stop: noted stop/)
        expect(readFileSync(file, "utf8")).toBe("start 10.77.0.2 wake ; rm -rf $HOME\nstop 10.77.0.2\n")
        expect(daemon.log.all.join("\n")).toMatch(/wake: 10\.77\.0\.2: start: noted start/)
    })

    it("[[hook]]: hears of a grant, its end and of trouble as JSON; one that hangs keeps neither a door nor the end waiting", async () => {
        const file = join(lab.scratch, "heard")
        const script = join(lab.scratch, "hear")
        writeFileSync(script, `#!/bin/sh\necho "$1 $(cat)" >>${file}\n`, { mode: 0o755 })
        const daemon = await start(`${door()}
            [[hook]]
            name = "hear"
            on = ["grant", "end", "trouble"]
            run = ["${script}", "{event}:{door}"]
            [[hook]]
            name = "hang"
            on = ["grant", "end", "trouble"]
            run = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
            timeout = "5m"`)
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/closed on time/)
        gateway.must(["nft", "delete", "table", "inet", "postern"])
        await daemon.log.waitFor(/it was made again/)
        const heard = () => readFileSync(file, "utf8").trimEnd().split("\n")
        expect(await eventually(() => Promise.resolve(heard().length >= 3))).toBe(true)
        expect(heard().map((line) => line.slice(0, line.indexOf(" ")))).toEqual(["grant:ssh", "end:ssh", "trouble:"])
        const calls = heard().map((line): unknown => JSON.parse(line.slice(line.indexOf(" "))))
        expect(calls).toMatchObject([
            { event: "grant", door: "ssh", source: knocker.v4, opens: ["tcp/22"], ms: 2000, omitted: 0 },
            { event: "end", door: "ssh", source: knocker.v4, by: "time" },
            { event: "trouble", level: "warning", text: expect.stringContaining("it was made again") },
        ])
        expect(heard().join("\n")).not.toMatch(/32144|21312|27015/)
        await daemon.stop()
    })

    it("`hide = false`: the service answers everyone as before, and the grant is shown all the same", async () => {
        const daemon = await start(door().replace("hide  = true", "hide = false"))
        expect(await portState(stranger, gateway.v4, 22)).toBe("open")
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ open: tcp\/22/)
        expect(listTable(gateway)).toContain(`${knocker.v4} . tcp . 22`)
    })

    it("an impatient client and openly offered services do not spoil a knock", async () => {
        const daemon = await start(door())
        knock(knocker, gateway.v4, "32144:tcp")
        expect(await portState(knocker, gateway.v4, 22)).toBe("refused")
        expect(await portState(knocker, gateway.v4, 80)).toBe("open")
        knock(knocker, gateway.v4, "21312:udp", "27015:tcp")
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: open/)
    })
})

describe("interfaces that come and go", () => {
    it("one that is absent at start is watched when it comes, and again when it comes back", async () => {
        const daemon = await start(`[gateway]\ninterfaces = ["eth0", "late0"]\n${door()}`)
        for (const round of [1, 2]) {
            const [a, b] = [`10.78.${round}.1`, `10.78.${round}.2`]
            joinNamespaces(
                { namespace: gateway, device: "late0", addresses: [`${a}/24`] },
                { namespace: knocker, device: "late1", addresses: [`${b}/24`] },
            )
            const opened = async () => {
                const from = daemon.log.all.length
                knock(knocker, a)
                return eventually(() => daemon.log.all.slice(from).some((line) => line.includes(`${b}: open`)), 1000)
            }
            expect(await eventually(opened), daemon.log.all.join("\n")).toBe(true)
            expect(await portState(knocker, a, 22)).toBe("open")
            gateway.must(["ip", "link", "del", "late0"])
        }
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: open/)
    })

    it("auto follows the default route as it goes and comes back", async () => {
        const daemon = await start(door())
        for (const family of ["-4", "-6"]) gateway.must(["ip", family, "route", "del", "default"])
        await daemon.log.waitFor(/watching no interface/)
        const from = daemon.log.all.length
        gateway.must(["ip", "-4", "route", "add", "default", "via", "10.77.0.254"])
        gateway.must(["ip", "-6", "route", "add", "default", "via", "fd77::fe"])
        await daemon.log.waitFor(/watching eth0/, { from })
        knock(knocker, gateway.v4)
        await daemon.log.waitFor(/ssh: 10\.77\.0\.2: open/, { from })
    })

    it("an interface that goes down and up again, or changes its address, is watched on", async () => {
        const daemon = await start(`[gateway]\ninterfaces = ["eth0"]\n${door()}`)
        gateway.must(["ip", "link", "set", "eth0", "down"])
        gateway.must(["ip", "address", "add", "10.77.0.88/24", "dev", "eth0"])
        gateway.must(["ip", "link", "set", "eth0", "up"])
        const opened = async () => {
            const from = daemon.log.all.length
            knock(knocker, "10.77.0.88")
            return eventually(
                () => daemon.log.all.slice(from).some((line) => / open(?: for longer)?: /.test(line)),
                1000,
            )
        }
        expect(await eventually(opened), daemon.log.all.join("\n")).toBe(true)
        gateway.must(["ip", "address", "del", "10.77.0.88/24", "dev", "eth0"])
        gateway.must(["ip", "route", "replace", "default", "via", "10.77.0.254"])
    })
})

describe("postern run refuses what is wrong, and changes nothing", () => {
    const WRONG: readonly (readonly [what: string, text: string, answer: RegExp])[] = [
        ["a misspelt key", door("hidde = true"), /:\d+:\d+: .*hidde.*hide/],
        ["a port that is none", door().replace('"32144"', '"70000"'), /:\d+:\d+: .*65535/],
        ["a service without its protocol", door().replace("tcp/22", "22"), /:\d+:\d+: .*tcp\/22/],
        ["a time without its unit", door().replace('"2s"', '"2"'), /:\d+:\d+: .*for/],
        ["text that is not TOML", "[[door]\n", /:1:\d+: /],
        ["a door that closes an unknown one", door('closes = ["shh"]'), /:\d+:\d+: .*shh/],
        ["two doors of one name", door() + door(), /:\d+:\d+: .*ssh/],
        ["no door at all", "[gateway]\n", /door/],
    ]

    it.each(WRONG)("%s", async (_what, text, answer) => {
        const daemon = await start(text, null)
        expect(await daemon.ended).toBe(3)
        const said = daemon.log.all.join("\n")
        expect(said).toMatch(answer)
        expect(said).toContain("nothing was started and nothing was changed")
        expect(said).not.toContain("21312")
        expect(listTable(gateway)).toBe("")
    })

    it("a file that is not there", () => {
        const { status, stderr } = gateway.exec([POSTERN, "run", "-c", join(lab.scratch, "nowhere.toml")])
        expect(status).toBe(3)
        expect(stderr).toMatch(/nowhere\.toml/)
    })

    it("an option that does not exist", () => {
        const { status, stderr } = gateway.exec([POSTERN, "run", "--confg", "x"])
        expect(status).toBe(2)
        expect(stderr).toMatch(/unknown option.*--confg[\s\S]*--config/)
    })

    it("a user who may not", () => {
        const file = join(lab.scratch, "readable.toml")
        writeFileSync(file, door())
        const { status, stderr } = gateway.exec([...AS_NOBODY, POSTERN, "run", "-c", file])
        expect(status, stderr).toBe(6)
        expect(stderr).toMatch(/error: [\s\S]*hint: run it as root/)
        expect(listTable(gateway)).toBe("")
    })
})
