/**
 * Hosts whose own filter drops or rejects what it is not told of, with the real rules of ufw and of firewalld: the service
 * looks like every other port there, also after a restart of the filter, and those who knocked come in.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { askUdp, openSession, type Session, startEchoes } from "../lab/echo.ts"
import { type Daemon, knockPlainly, type Lab, makeLab, POSTERN, portState, untilPort } from "../lab/lab.ts"

const HOSTS = join(import.meta.dirname, "..", "..", "vectors", "hosts")
const KNOCK = ["32144", "21312", "27015"]
const SEQUENCE = `for = "1h"\nhide = true\n[door.sequence]\nhits = ${JSON.stringify(KNOCK)}\n`
/** Nothing listens there. */
const CLOSED = 9099

let lab: Lab<"knocker" | "stranger">
let daemon: Daemon | undefined

beforeEach(() => {
    lab = makeLab(["knocker", "stranger"])
})

afterEach(async () => {
    await daemon?.stop("SIGKILL")
    daemon = undefined
    lab.remove()
})

const addresses = () => [lab.gateway.v4, lab.gateway.v6]
const rules = (file: string) => readFileSync(join(HOSTS, file), "utf8")

async function knock(): Promise<void> {
    for (const address of addresses()) knockPlainly(lab.hosts.knocker, address, KNOCK)
    await daemon!.log.waitFor(/fd77::2: open: /)
}

/** Who sees what, over both families and by TCP and UDP: the knocker, and strangers at the service and at a closed port. */
async function expectReached(port: number): Promise<void> {
    const { knocker, stranger } = lab.hosts
    const seen = addresses().map(async (address) => {
        expect(await untilPort("open", knocker, address, port)).toBe("open")
        const [udp, ...states] = await Promise.all([
            askUdp(knocker, address, port),
            portState(stranger, address, port),
            portState(stranger, address, CLOSED),
            askUdp(stranger, address, port),
            askUdp(stranger, address, CLOSED),
        ])
        const [tcp, closed, asked, unasked] = states
        expect([udp, tcp, asked]).toEqual(["answer", closed, unasked])
        expect(states).not.toContain("open")
    })
    await Promise.all(seen)
}

async function openSessions(port: number): Promise<Session[]> {
    const sessions = addresses().map((address) => openSession(lab.hosts.knocker, address, port))
    for (const session of sessions) await session.say("here")
    return sessions
}

describe("beside a filter that drops", () => {
    it.each(["nft", "legacy"])(
        "ufw lets in what is marked, by its %s rules, and again after its restart",
        async (kind) => {
            const load = () => {
                for (const [six, file] of [
                    ["", "ufw.rules"],
                    ["6", "ufw.rules6"],
                ] as const) {
                    lab.gateway.must([`ip${six}tables-${kind}-restore`], { input: rules(file) })
                    const mark = ["-m", "mark", "--mark", "0x10000000/0x10000000", "-j", "ACCEPT"]
                    lab.gateway.must([`ip${six}tables-${kind}`, "-I", `ufw${six}-before-input`, "4", ...mark])
                }
            }
            await startEchoes(lab.gateway, [`${lab.gateway.v4} 22`, `${lab.gateway.v6} 22`])
            load()
            daemon = await lab.startDaemon(
                `[gateway]\nmark = "0x10000000"\n[[door]]\nname = "ssh"\nopens = ["tcp/22", "udp/22"]\n${SEQUENCE}`,
            )
            await knock()
            await expectReached(22)
            const sessions = await openSessions(22)
            for (const six of ["", "6"]) {
                for (const act of ["-F", "-X"]) lab.gateway.exec([`ip${six}tables-${kind}`, act])
            }
            load()
            await expectReached(22)
            for (const address of [lab.hosts.knocker.v4, lab.hosts.knocker.v6])
                lab.gateway.must([POSTERN, "revoke", address, "--socket", daemon.socket])
            for (const session of sessions) await session.say("still here")
            expect(await portState(lab.hosts.knocker, lab.gateway.v4, 22)).toBe("silent")
        },
    )

    it("firewalld lets in what is led to an address, again after its restart, and after a flush of everything", async () => {
        const { gateway } = lab
        gateway.must(["ip", "address", "add", "10.77.3.200/32", "dev", "lo"])
        gateway.must(["ip", "address", "add", "fd77:3::c8/128", "dev", "lo", "nodad"])
        await startEchoes(gateway, ["10.77.3.200 22", "fd77:3::c8 22"])
        const load = () => gateway.must(["nft", "-f", "-"], { input: rules("firewalld.nft") })
        load()
        daemon = await lab.startDaemon(
            `[[door]]\nname = "ssh"\nopens = ["tcp/2222", "udp/2222"]\nlead_to = ["10.77.3.200:22", "[fd77:3::c8]:22"]\n${SEQUENCE}`,
        )
        await knock()
        await expectReached(2222)
        const sessions = await openSessions(2222)
        gateway.must(["nft", "delete", "table", "inet", "firewalld"])
        load()
        await expectReached(2222)
        gateway.must(["nft", "flush", "ruleset"])
        load()
        await daemon.log.waitFor(/it was made again/)
        await expectReached(2222)
        for (const session of sessions) await session.say("still here")
    })
})
