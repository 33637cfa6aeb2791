/**
 * `postern unhide`: a service is open to everyone, at once and for good. The daemon does it, or, where none runs, this
 * process in its place: in the kernel, and in the files that hide when the host starts.
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
import { unhiddenServices } from "../../core/config/hiding.ts"
import { codeOf, type Service } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { wantedRuleset } from "../../core/ruleset.ts"
import { messageOf } from "../../core/thrown.ts"
import type { Firewall, FirewallResult } from "../../ports/firewall.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import { askOnce, daemonAt } from "../control/ask.ts"
import { type Place, readPlace, saidElsewhere, tellIssues, writeRule } from "./place.ts"
import { tellResult } from "./words.ts"

/** What is asked for. */
export type UnhideOptions = {
    readonly service: Service
    readonly json?: true
    readonly config?: string
    readonly socket?: string
}

/** Ours: whoever does this in need does not wait longer for a daemon that hangs (ms). */
const PATIENCE_MS = 3000

/** See the head of the file. */
export async function open(options: UnhideOptions, terminal: Terminal): Promise<ExitCode> {
    const { service, json } = options
    const name = formatService(service)
    let absent = false
    let hangs = false
    const gone = () => {
        absent = true
    }
    const silent = () => {
        absent = true
        hangs = true
    }
    const daemon = daemonAt(options.socket, terminal, gone, { ms: PATIENCE_MS, tell: silent })
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
            const done = await withoutDaemon(after, service, hangs, terminal)
            if (done !== EXIT.ok) return done
        } else if (lasting === EXIT.ok && !door && !isOpened(place, service)) {
            terminal.say(`postern: ${name}: no door opens it, so it is not hidden by postern: nothing was changed`)
        } else if (lasting === EXIT.ok) {
            const answer = await askOnce({ ask: "reload" }, options.socket, terminal)
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

/** Opens it in the kernel and for the next start, where no daemon can. */
async function withoutDaemon(place: Place, service: Service, hangs: boolean, terminal: Terminal): Promise<ExitCode> {
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
