/**
 * `postern unhide`: a service is open to everyone, at once and for good. The daemon does it, or, where none runs, this
 * process in its place: in the kernel, and in the files that hide when the host starts.
 */
import { rm, stat } from "node:fs/promises"
import { uptime } from "node:os"
import { join } from "node:path"
import { BOOT_FILES, renderBoot } from "../../adapters/firewall/boot.ts"
import { iptablesFirewall } from "../../adapters/firewall/iptables/iptables.ts"
import { nftFirewall } from "../../adapters/firewall/nft.ts"
import { allServices } from "../../adapters/services/all.ts"
import { hasCapability } from "../../adapters/system/capabilities.ts"
import { writeWhole } from "../../adapters/system/durable.ts"
import type { Config } from "../../core/config/config.ts"
import { unhiddenServices } from "../../core/config/hiding.ts"
import { codeOf, type Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { wantedRuleset } from "../../core/ruleset.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Firewall } from "../../ports/firewall.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { daemonAt } from "../control/ask.ts"
import { type Place, readPlace, saidElsewhere, tellIssues, writeRule } from "./place.ts"
import { tellResult } from "./words.ts"

/** What is asked for. */
export type UnhideOptions = {
    readonly service: Service
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

/** See the head of the file. */
export async function open(options: UnhideOptions, terminal: Terminal): Promise<ExitCode> {
    const { service, json } = options
    const name = formatService(service)
    let absent = false
    const daemon = daemonAt(options.socket, terminal, () => {
        absent = true
    })
    try {
        // First of all: whoever does this in need is in a hurry.
        const first = await daemon.ask({ ask: "unhide", service })
        const trial = typeof first !== "number" && first.was === "trial"
        // Behind a trial is what was before it: that need not be open to everyone.
        const now = trial ? await daemon.ask({ ask: "unhide", service }) : first
        if (typeof now === "number" && !absent) return now
        const door = typeof now === "number" || now.was !== "door"
        if (!absent && door) terminal.say(`postern: ${name} is open to everyone`)
        const place = await readPlace(options.config, terminal)
        const lasting = await forGood(place, service, terminal)
        if (absent) {
            const after = lasting === EXIT.ok ? await readPlace(options.config, terminal) : place
            const done = await withoutDaemon(after, service, terminal)
            if (done !== EXIT.ok) return done
            terminal.say(`postern: ${name} is open to everyone; no daemon runs`)
        } else if (lasting === EXIT.ok && !door && !isOpened(place, service)) {
            terminal.say(`postern: ${name}: no door opens it, so it is not hidden by postern: nothing was changed`)
        } else if (lasting === EXIT.ok) {
            const answer = await daemon.ask({ ask: "reload" })
            if (typeof answer === "number") {
                terminal.warn(
                    `${name} is open until the configuration is read again, and from then on, too`,
                    `${place.path} says so`,
                )
                return answer
            }
            if (!door) terminal.say(`postern: ${name} is open to everyone`)
        }
        if (lasting !== EXIT.ok) return lasting
        tellResult(json, service, "open", {}, terminal)
        return EXIT.ok
    } finally {
        daemon.close()
    }
}

/** Does a door open it? */
function isOpened({ config }: Place, service: Service): boolean {
    return config?.doors.some(({ opens }) => has(opens, service)) === true
}

function has(services: readonly Service[], service: Service): boolean {
    return services.some((one) => codeOf(one) === codeOf(service))
}

/** Writes it down, unless that is there already, or no door has anything to do with it. */
async function forGood(place: Place, service: Service, terminal: Terminal): Promise<ExitCode> {
    const { config } = place
    // What cannot be read may hide it.
    if (config !== null && (!isOpened(place, service) || has(unhiddenServices(config), service))) return EXIT.ok
    const elsewhere = saidElsewhere(place, service)
    if (elsewhere !== null) {
        const line = `"${formatService(service)}" = true`
        terminal.error(`[hide] in ${elsewhere} hides it: it is open until that is read again`, `take ${line} out there`)
        return EXIT.configuration
    }
    return writeRule(place, service, false, terminal)
}

/** Does what a daemon would, in the kernel and for the next start. */
async function withoutDaemon(place: Place, service: Service, terminal: Terminal): Promise<ExitCode> {
    if (!hasCapability("CAP_NET_ADMIN")) {
        terminal.error("no permission to change the firewall", "run this as root")
        return EXIT.permission
    }
    const { config } = place
    if (config === null) {
        tellIssues(place, terminal)
        terminal.error(
            "what is hidden cannot be known, so nothing was changed in the kernel",
            "nft delete table inet postern opens all that listens outside",
        )
        return EXIT.configuration
    }
    try {
        const firewall = firewallOf(config)
        const services = allServices(() => {})
        services.offered()
        const moment = { trials: [], opened: [], uptime: uptime() * 1000, published: services.published() }
        const wanted = wantedRuleset(config, null, firewall.list().length, moment)
        const result = firewall.apply(wanted)
        if (!result.ok) {
            terminal.error(
                `the kernel refused: ${result.detail}`,
                "nft delete table inet postern opens all that listens outside",
            )
            return EXIT.failed
        }
        await writeBoot(config, renderBoot(wanted, firewall))
        return EXIT.ok
    } catch (error) {
        terminal.error(`${formatService(service)}: ${messageOf(error)}`)
        return EXIT.failed
    }
}

function firewallOf({ gateway }: Config): Firewall {
    if (gateway.firewall === "iptables") return iptablesFirewall()
    try {
        const nft = nftFirewall()
        nft.list()
        return nft
    } catch (error) {
        if (gateway.firewall === "nftables") throw error
        return iptablesFirewall()
    }
}

/** The files belong to whoever has the directory: the daemon writes them, too. No directory: nothing was ever kept there. */
async function writeBoot({ gateway }: Config, rules: ReturnType<typeof renderBoot>): Promise<void> {
    const owner = await stat(gateway.state).catch(() => null)
    if (owner === null) return
    for (const name of BOOT_FILES) {
        const text = rules[name]
        if (text === null) await rm(join(gateway.state, name), { force: true })
        else {
            const options = { mode: 0o600, owner: owner.uid, group: owner.gid }
            await writeWhole(gateway.state, name, Buffer.from(text), options)
        }
    }
}
