/** What a daemon takes of its host when it begins: the firewall, and the capture that works there. One daemon has them. */
import { randomBytes } from "node:crypto"
import { nflogCapture } from "../adapters/capture/nflog.ts"
import { packetSocketCapture } from "../adapters/capture/packet-socket.ts"
import { iptablesFirewall } from "../adapters/firewall/iptables/iptables.ts"
import { nftFirewall } from "../adapters/firewall/nft.ts"
import { clearOther } from "../adapters/firewall/other.ts"
import { hasCapability } from "../adapters/system/capabilities.ts"
import { EBUSY, EPERM, SystemError } from "../adapters/system/errno.ts"
import { openLogGroup } from "../adapters/system/nfnetlink-log.ts"
import type { Config } from "../core/config/config.ts"
import { messageOf } from "../core/thrown.ts"
import type { Capture } from "../ports/capture.ts"
import type { Firewall } from "../ports/firewall.ts"
import { EXIT } from "../voice/exit.ts"
import { Loop, type LoopPorts } from "./loop.ts"
import { measureFirewall } from "./measured.ts"
import { Refusal } from "./opening.ts"

/**
 * Starts with the capture that is wanted; `auto` tries nflog first and says why it takes the other. Throws a Refusal where
 * another daemon has this host or rights are missing, and what the system says where it refuses.
 */
export function startLoop(config: Config, ports: Omit<LoopPorts, "capture">): Loop {
    const { capture: wanted, logGroup } = config.gateway
    const seed = randomBytes(8)
    const { firewall } = ports
    const start = (capture: Capture): Loop => {
        const loop = new Loop(config, { ...ports, capture }, [seed.readUInt32LE(0), seed.readUInt32LE(4)])
        loop.start()
        return loop
    }
    // nflog hears what our own rules of nftables pass up.
    if (wanted !== "packet-socket" && firewall?.name === "nftables") {
        try {
            return start(nflogCapture({ clock: ports.clock }))
        } catch (error) {
            if (isTaken(error)) throw taken(logGroup)
            if (wanted === "nflog") throw error
            ports.log("warning", `nflog does not work here (${messageOf(error)}): taking packet-socket`)
        }
    }
    if (!hasCapability("CAP_NET_RAW")) {
        throw new Refusal(EXIT.permission, "the packet socket needs CAP_NET_RAW", RAW_HINT)
    }
    if (firewall !== null) holdTable(logGroup)
    return start(packetSocketCapture({ clock: ports.clock, links: ports.links }))
}

const RAW_HINT = "run it as root, or give it to the service: the drop-in packet-socket.conf beside its manual"

/** A host hides by one firewall, that of the daemon that runs: takes away what another left, once this one is in place. */
export function keepOne({ name }: Firewall, log: LoopPorts["log"]): void {
    const clearing = clearOther(name)
    if (clearing.what === "nothing") return
    const other = name === "iptables" ? "nftables" : "iptables"
    if (clearing.what === "cleared") log("notice", `firewall: what a daemon by ${other} has left is taken away`)
    else log("error", `firewall: what a daemon by ${other} has left refuses those who knock: ${clearing.detail}`)
}

/** Milliseconds with fractions, never going back: to measure with. */
export const finely = () => performance.now()

/** The kernel's firewall; null where it is missing and nothing needs it. Throws a Refusal where rights are missing. */
export function takeFirewall(config: Config, ports: Pick<LoopPorts, "log" | "clock" | "meter">): Firewall | null {
    const { log, meter } = ports
    const needed = config.doors.some((door) => door.opens.length > 0) || config.gateway.capture === "nflog"
    try {
        if (!hasCapability("CAP_NET_ADMIN")) {
            throw new Refusal(EXIT.permission, "the firewall needs CAP_NET_ADMIN", "run it as root, or grant it")
        }
        return measureFirewall(openFirewall(config.gateway.firewall, ports), meter, finely)
    } catch (error) {
        if (needed) throw error
        log("warning", `no firewall (${messageOf(error)}): doors can run programs alone`)
        return null
    }
}

/** `auto`: nftables where it works, else iptables where that does. Throws why neither does, in the words of the first. */
function openFirewall(
    wanted: Config["gateway"]["firewall"],
    { clock, log }: Pick<LoopPorts, "log" | "clock">,
): Firewall {
    const now = () => clock.monotonic()
    if (wanted === "iptables") return iptablesFirewall(now)
    try {
        const nft = nftFirewall(now)
        // A kernel without it says so at the first question.
        nft.list()
        return nft
    } catch (error) {
        const other = wanted === "auto" ? iptablesFirewall(now) : null
        if (other === null || !answers(other)) throw error
        log("warning", `nftables does not work here (${messageOf(error)}): taking iptables and ipset`)
        return other
    }
}

function answers(firewall: Firewall): boolean {
    try {
        firewall.list()
        return true
    } catch {
        return false
    }
}

/**
 * One daemon per network namespace: two would overwrite each other's table. The log group is what the kernel gives to
 * one process alone and takes back when that dies, so it is held even where packets come from a packet socket.
 */
function holdTable(logGroup: number): void {
    try {
        openLogGroup(logGroup, 0, 0, 4096)
    } catch (error) {
        // A kernel without log groups cannot tell us.
        if (isTaken(error)) throw taken(logGroup)
    }
}

/** We may change the firewall (asked before), so a refused log group is somebody else's. */
function isTaken(error: unknown): boolean {
    return error instanceof SystemError && (error.errno === EPERM || error.errno === EBUSY)
}

function taken(logGroup: number): Refusal {
    return new Refusal(
        EXIT.failed,
        `another program has log group ${logGroup} of this host: most likely a running postern`,
        "stop that one first, or set another `log_group` if it is not postern",
    )
}
