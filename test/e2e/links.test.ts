/**
 * Links, addresses, names and routes that change under a running daemon, by each capture: whoever knocks by what is
 * there now gets in, and `postern status` says what is watched now.
 *
 * Beside the lab's network there is a second wire, extra0 on the gateway and on the knocker, that comes and goes.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { account } from "../lab/account.ts"
import { type Daemon, eventually, type Host, type Lab, makeLab } from "../lab/lab.ts"
import { joinNamespaces } from "../lab/namespace.ts"
import { processFigures } from "../lab/process.ts"
import { statusOf } from "../lab/siege.ts"

const CONFIGURATION = (capture: string) => `
[gateway]
capture = "${capture}"
[[door]]
name = "ssh"
opens = ["tcp/22"]
for = "1s"
hide = true
[door.sequence]
hits = ["32144", "21312:udp", "27015"]
`

let lab: Lab<"knocker">
let gateway: Host
let knocker: Host
let daemon: Daemon | null = null
/** Of this test: what came of each `opens`. */
let knocks = { open: 0, none: 0 }

beforeAll(() => {
    lab = makeLab(["knocker"])
    gateway = lab.gateway
    knocker = lab.hosts.knocker
    // Addresses that an administrator gave survive a link that is down.
    for (const name of ["all", "default", "eth0"]) {
        gateway.must(["sysctl", "-qw", `net.ipv6.conf.${name}.keep_addr_on_down=1`])
        gateway.must(["sysctl", "-qw", `net.ipv6.conf.${name}.accept_dad=0`])
    }
})
afterEach(async ({ task }) => {
    account(`${task.name.split(/[,:]/)[0]}: ${knocks.open} knocks let in, ${knocks.none} where nobody listens not`)
    knocks = { open: 0, none: 0 }
    await daemon?.stop()
    daemon = null
    gateway.exec(["ip", "link", "del", "extra0"])
    gateway.exec(["nft", "delete", "table", "inet", "postern"])
})
afterAll(() => lab?.remove())

/** Does a knock at this address open the door, in time? Says with what the host answered if not. */
async function opens(address: string, tries = 10): Promise<boolean> {
    const family = address.includes(":") ? "-6" : "-4"
    for (let i = 0; i < tries; i++) {
        const from = daemon!.log.all.length
        await knocker.run(["knock", family, "-d", "20", address, "32144:tcp", "21312:udp", "27015:tcp"])
        const opened = () => daemon!.log.all.slice(from).some((line) => /: open(?: for longer)?: /.test(line))
        if (!(await eventually(opened, 1000))) continue
        knocks.open++
        return true
    }
    knocks.none++
    return false
}

async function watches(...names: readonly string[]): Promise<void> {
    let last: readonly string[] | null = null
    const are = async () => {
        last = (await statusOf(daemon!)).interfaces
        return JSON.stringify(last) === JSON.stringify(names)
    }
    expect(await eventually(are), `status says ${last}`).toBe(true)
}

const ip = (...words: readonly string[]) => void gateway.must(["ip", ...words])
const defaults = (verb: "replace" | "del", device: string, v4 = "10.77.0.254", v6 = "fd77::fe") => {
    ip("-4", "route", verb, "default", "via", v4, "dev", device)
    ip("-6", "route", verb, "default", "via", v6, "dev", device)
}

function plug(n: number): void {
    joinNamespaces(
        { namespace: gateway, device: "extra0", addresses: [`10.78.${n}.1/24`, `fd78:${n}::1/64`] },
        { namespace: knocker, device: "extra0", addresses: [`10.78.${n}.2/24`, `fd78:${n}::2/64`] },
    )
}

async function begin(capture: string): Promise<void> {
    daemon = await lab.startDaemon(CONFIGURATION(capture))
    await watches("eth0")
}

describe.each(["nflog", "packet-socket"])("%s", (capture) => {
    it("a link that flaps, again and again: a knock after it opens, by both families", async () => {
        await begin(capture)
        for (let round = 0; round < 10; round++) {
            ip("link", "set", "eth0", "down")
            ip("link", "set", "eth0", "up")
        }
        defaults("replace", "eth0")
        await watches("eth0")
        expect(await opens(gateway.v4)).toBe(true)
        expect(await opens(gateway.v6)).toBe(true)
    })

    it("addresses that come and go: the new one is knocked at, the old one is nobody's", async () => {
        await begin(capture)
        for (const [address, prefix] of [
            ["10.77.0.41", "/24"],
            ["fd77::41", "/64"],
        ]) {
            ip("address", "add", `${address}${prefix}`, "dev", "eth0")
            expect(await opens(address!)).toBe(true)
            ip("address", "del", `${address}${prefix}`, "dev", "eth0")
            expect(await opens(address!, 1)).toBe(false)
        }
        expect(await opens(gateway.v4)).toBe(true)
    })

    it("an interface with a new name is watched by that name", async () => {
        await begin(capture)
        for (const [from, to] of [
            ["eth0", "wan0"],
            ["wan0", "eth0"],
        ] as const) {
            ip("link", "set", from, "down")
            ip("link", "set", from, "name", to)
            ip("link", "set", to, "up")
            defaults("replace", to)
            await watches(to)
            expect(await opens(gateway.v4)).toBe(true)
            expect(await opens(gateway.v6)).toBe(true)
        }
    })

    it("a default route that moves to another wire takes the watch along, and back", async () => {
        plug(1)
        await begin(capture)
        expect(await opens("10.78.1.1", 1)).toBe(false)
        defaults("del", "eth0")
        defaults("replace", "extra0", "10.78.1.2", "fd78:1::2")
        await watches("extra0")
        expect(await opens("10.78.1.1")).toBe(true)
        expect(await opens("fd78:1::1")).toBe(true)
        expect(await opens(gateway.v4, 1)).toBe(false)
        defaults("del", "extra0", "10.78.1.2", "fd78:1::2")
        defaults("replace", "eth0")
        await watches("eth0")
        expect(await opens(gateway.v4)).toBe(true)
        expect(await opens("10.78.1.1", 1)).toBe(false)
    })

    it("an interface that is deleted and made again, with the same name and another number", async () => {
        await begin(capture)
        for (let round = 1; round <= 3; round++) {
            plug(round)
            ip("-4", "route", "add", "default", "via", `10.78.${round}.2`, "dev", "extra0", "metric", "50")
            await watches("eth0", "extra0")
            expect(await opens(`10.78.${round}.1`)).toBe(true)
            expect(await opens(gateway.v4)).toBe(true)
            ip("link", "del", "extra0")
            await watches("eth0")
        }
    })

    it("hundreds of changes while the daemon is suspended, more than a socket has room for: knocked as before", async () => {
        await begin(capture)
        const { descriptors } = processFigures(daemon!.pid)
        const batches = [
            each((i) => `link add churn${i} type bridge\nlink set churn${i} up`),
            each((i) => `address add 10.80.${i}.1/32 dev churn${i}`),
            each((i) => `link set churn${i} down\nlink set churn${i} name other${i}\nlink set other${i} up`),
            each((i) => `link del other${i}`),
        ]
        process.kill(daemon!.pid, "SIGSTOP")
        try {
            for (const input of batches) gateway.must(["ip", "-batch", "-"], { input })
        } finally {
            process.kill(daemon!.pid, "SIGCONT")
        }
        expect(await opens(gateway.v4)).toBe(true)
        await watches("eth0")
        expect(await opens(gateway.v6)).toBe(true)
        expect(processFigures(daemon!.pid).descriptors).toBeLessThanOrEqual(descriptors + 1)
    })
})

/** The same for a hundred things. */
function each(words: (i: number) => string): string {
    return Array.from({ length: 100 }, (_, i) => `${words(i)}\n`).join("")
}
