/**
 * A service opened where no daemon does it: as a daemon would where the configuration says what the table should be, and
 * otherwise by rules put before all that hides; in the kernel, and in the files that hide when the host starts.
 */
import { readFile, rm, stat } from "node:fs/promises"
import { uptime } from "node:os"
import { join } from "node:path"
import { BOOT_FILES, type BootFiles, renderBoot } from "../../adapters/firewall/boot.ts"
import { exitByIptables, exitByNft, openAnyway } from "../../adapters/firewall/exit.ts"
import { iptablesFirewall } from "../../adapters/firewall/iptables/iptables.ts"
import { nftFirewall } from "../../adapters/firewall/nft.ts"
import { allServices } from "../../adapters/services/all.ts"
import { hasCapability } from "../../adapters/system/capabilities.ts"
import { writeWhole } from "../../adapters/system/durable.ts"
import type { Config } from "../../core/config/config.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { wantedRuleset } from "../../core/ruleset.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Firewall, FirewallResult } from "../../ports/firewall.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { type Place, tellIssues } from "./place.ts"

/**
 * Opens it in the kernel and for the next start, and says so. `hangs`: a daemon runs, and does not answer. Gives the exit
 * code, after an error that has been told.
 */
export async function withoutDaemon(
    place: Place,
    service: Service,
    hangs: boolean,
    terminal: Terminal,
): Promise<ExitCode> {
    if (!hasCapability("CAP_NET_ADMIN")) {
        terminal.error("no permission to change the firewall", "run this as root")
        return EXIT.permission
    }
    const { config, state } = place
    const name = formatService(service)
    try {
        // What a daemon that hangs has made is its own, and what cannot be read is known to nobody.
        const made = config === null || hangs ? null : makeWhole(config, service)
        const result = made?.result.ok === true ? made.result : openAnyway(service)
        if (!result.ok) {
            terminal.error(
                `the kernel refused: ${result.detail}`,
                "nft delete table inet postern opens all that listens outside",
            )
            return EXIT.failed
        }
        terminal.say(
            hangs
                ? `postern: ${name} is open to everyone until the daemon goes on: restart it, then it stays open`
                : `postern: ${name} is open to everyone; no daemon runs`,
        )
        await writeBoot(state, made?.result.ok === true ? made.files : await opened(state, service))
    } catch (error) {
        terminal.error(`${name}: not for the next start of the host: ${messageOf(error)}`)
        return EXIT.failed
    }
    return config === null ? tellIssues(place, terminal) : EXIT.ok
}

/** Does what a daemon would. */
function makeWhole(config: Config, service: Service): { readonly result: FirewallResult; readonly files: BootFiles } {
    const firewall = firewallOf(config)
    const services = allServices(() => {})
    services.offered()
    // Also where no line in the configuration could be written.
    const moment = { trials: [], opened: [service], uptime: uptime() * 1000, published: services.published() }
    const wanted = wantedRuleset(config, null, firewall.list().length, moment)
    return { result: firewall.apply(wanted), files: renderBoot(wanted, firewall) }
}

/** The saved files, with rules that open it behind all others. */
async function opened(state: string, service: Service): Promise<Partial<BootFiles>> {
    const files: Partial<Record<keyof BootFiles, string>> = {}
    for (const name of ["hide.nft", "hide.rules4", "hide.rules6"] as const) {
        const before = await readFile(join(state, name), "utf8").catch(() => "")
        const rules = name === "hide.nft" ? exitByNft(service, before) : exitByIptables(service, before)
        if (!before.includes(rules)) files[name] = `${before}${rules}`
    }
    return files
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
async function writeBoot(state: string, files: Partial<BootFiles>): Promise<void> {
    const owner = await stat(state).catch(() => null)
    if (owner === null) return
    for (const name of BOOT_FILES) {
        const text = files[name]
        if (text === null) await rm(join(state, name), { force: true })
        else if (text !== undefined) {
            const options = { mode: 0o600, owner: owner.uid, group: owner.gid }
            await writeWhole(state, name, Buffer.from(text), options)
        }
    }
}
