/** Everything the doctor looks at, seen on this host now. Nothing is changed, and nothing that cannot be seen stops it. */
import { statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { readConfigFiles } from "../../adapters/config/files.ts"
import { controlClient } from "../../adapters/control/client.ts"
import { changedSince, seeFlushing, seeLatest, seeSecrets } from "../../adapters/host/files.ts"
import { seeFirewall } from "../../adapters/host/firewall.ts"
import { seeSshd } from "../../adapters/host/sshd.ts"
import { seeSysctls } from "../../adapters/host/sysctls.ts"
import { hasSystemd, seeUnits } from "../../adapters/host/units.ts"
import { knockersBeside } from "../../adapters/knockers/beside.ts"
import { readKeyLate } from "../../adapters/sealing/late.ts"
import { listenersOf } from "../../adapters/services/listeners.ts"
import { isLoopback } from "../../adapters/services/loopback.ts"
import { publishedServices } from "../../adapters/services/published.ts"
import { isClockSynchronised } from "../../adapters/system/adjtimex.ts"
import { FLAGGED } from "../../adapters/system/nftables.ts"
import { listAddresses, listDefaultInterfaces, listLinks } from "../../adapters/system/rtnetlink.ts"
import { listeningSockets } from "../../adapters/system/sockdiag.ts"
import type { Config } from "../../core/config/config.ts"
import { GATEWAY } from "../../core/config/defaults.ts"
import { type ConfigFile, readConfig } from "../../core/config/parse.ts"
import type { DaemonFact, Facts, LinkFacts, ListenerFact, SshdFact, Unseen } from "../../core/doctor/facts.ts"
import { type Service, uniqueServices } from "../../core/knock/hit.ts"
import { formatService } from "../../core/knock/language.ts"
import { messageOf } from "../../core/thrown.ts"
import { thisHost } from "../check/host.ts"
import { unreadFiles } from "../check/unread.ts"

/** Where to look. `socket`: where the daemon is asked, where that is said. */
export type Places = { readonly file: string; readonly socket: string | undefined }

/** Looks at all of it. Throws nothing that a host can be blamed for. */
export async function look({ file, socket }: Places): Promise<Facts> {
    const unseen: Unseen[] = []
    /** What `see` gives; null, and a line, where it throws. */
    const seen = <T>(what: string, see: () => T): T | null => {
        try {
            return see()
        } catch (error) {
            unseen.push({ what, why: messageOf(error) })
            return null
        }
    }
    const firewall = seeFirewall()
    if (!firewall.ok) unseen.push({ what: "the firewall", why: firewall.why })
    else for (const table of firewall.locked) unseen.push({ what: `table ${table}`, why: FLAGGED })
    const published = firewall.ok ? publishedNow() : []
    const files = readConfigFiles(file)
    const paths = files.map((one) => one.file)
    const { config, issues, forbidden } = await configuration(file, files, published)
    if (forbidden) unseen.push({ what: "the configuration", why: `no permission to read ${file}` })
    const state = config?.gateway.state ?? GATEWAY.state
    const units = hasSystemd() ? seeUnits(leadUnits(config)) : null
    if (units === null) unseen.push({ what: "units", why: "systemd does not run here" })
    else if (!units.ok) unseen.push({ what: "units", why: units.why })
    const loads =
        units?.ok === true &&
        units.units.some(({ name, enabled, active }) => name === "nftables.service" && (enabled || active))
    return {
        file,
        config,
        issues: forbidden ? [] : issues,
        daemon: await askDaemon(socket ?? config?.gateway.socket ?? null, paths, unseen),
        listeners: seen("what listens", () => listeners(config)),
        links: seen("interfaces", links),
        firewall: firewall.ok ? { ...firewall.firewall, published } : null,
        units: units?.ok === true ? units.units : null,
        flushing: loads ? seeFlushing() : [],
        sysctls: seeSysctls(),
        clock: {
            now: Date.now(),
            synchronised: seen("the clock", isClockSynchronised),
            latest: seeLatest(state, paths),
        },
        sshds: config === null ? [] : (seen("sshd", () => sshds(config, unseen)) ?? null),
        secrets: seeSecrets(state, [...new Set(paths.map((path) => dirname(resolve(path))))].filter(isDirectory)),
        lacks: firewall.ok ? firewall.lacks : null,
        unseen,
    }
}

/** Those that lead to services of doors. */
function leadUnits(config: Config | null): string[] {
    return servicesOf(config).map((service) => `postern-lead@${formatService(service).replace("/", "-")}.service`)
}

/** TCP services of doors for which something listens: of ten thousand doors nobody asks processes and systemd for all. */
function servicesOf(config: Config | null): Service[] {
    const listening = new Set(listeningSockets().flatMap(({ protocol, port }) => (protocol === "tcp" ? [port] : [])))
    const all = uniqueServices((config?.doors ?? []).flatMap(({ opens }) => opens))
    return all.filter(({ protocol, port }) => protocol === "tcp" && listening.has(port))
}

function publishedNow(): readonly Service[] {
    const services = publishedServices()
    try {
        return services.offered()
    } finally {
        services.close()
    }
}

/** As `postern check` sees it; what is published answers as what listens does. */
async function configuration(
    file: string,
    files: readonly ConfigFile[],
    published: readonly Service[],
): Promise<{ readonly config: Config | null; readonly issues: Facts["issues"]; readonly forbidden: boolean }> {
    const host = await thisHost()
    const listening = host.listening === null ? null : uniqueServices([...host.listening, ...published])
    const reading = await readConfig(files, { ...host, listening, knockers: knockersBeside(file, readKeyLate) })
    const unread = reading.ok ? await unreadFiles(file, files, reading.config) : []
    return {
        config: reading.ok ? reading.config : null,
        issues: [...reading.issues, ...unread],
        forbidden: reading.issues.some(({ code }) => code === "forbidden"),
    }
}

/** `told`: where it is asked, if that is known. Who is not at the usual place may be at another. */
async function askDaemon(told: string | null, files: readonly string[], unseen: Unseen[]): Promise<DaemonFact> {
    const path = told ?? GATEWAY.socket
    const client = controlClient(path)
    try {
        const answer = await client.ask({ ask: "status" })
        if (answer.ok && answer.answer === "status")
            return { runs: true, status: answer.status, changed: changedSince(answer.status.loaded, files) }
        const absent = !answer.ok && answer.code === "absent"
        if (absent && told !== null) return { runs: false }
        const why = absent
            ? `none is at ${path}, and no configuration says where it may be`
            : `it does not answer at ${path}${answer.ok ? "" : `: ${answer.code}`}`
        unseen.push({ what: "the daemon", why })
        return { runs: "unknown" }
    } finally {
        client.close()
    }
}

function listeners(config: Config | null): ListenerFact[] {
    const holders = servicesOf(config).flatMap((service) =>
        listenersOf(service).flatMap((one) =>
            one.holders.some(({ pid }) => pid === 1) ? [`${service.port} ${one.address.join()}`] : [],
        ),
    )
    const systemd = new Set(holders)
    return listeningSockets().map(({ protocol, port, address, transparent }) => ({
        protocol,
        port,
        address,
        inside: isLoopback(address),
        transparent,
        bySystemd: protocol === "tcp" && systemd.has(`${port} ${address.join()}`),
    }))
}

function links(): LinkFacts {
    const [interfaces, routes] = [listLinks(), listDefaultInterfaces()]
    const defaultRoutes = interfaces.filter(({ index }) => routes.includes(index)).map(({ name }) => name)
    return { interfaces, addresses: listAddresses(), defaultRoutes }
}

/** Those that listen for services of doors, once for each configuration. */
function sshds(config: Config, unseen: Unseen[]): SshdFact[] {
    const holders = servicesOf(config).flatMap((service) =>
        listenersOf(service).flatMap((listener) => listener.holders),
    )
    const pids = new Set(holders.filter(({ program }) => program === "sshd").map(({ pid }) => pid))
    const found = new Map<string, SshdFact>()
    for (const pid of pids) {
        const seen = seeSshd(pid)
        if (!seen.ok) unseen.push({ what: `sshd[${pid}]`, why: seen.why })
        else if (!found.has(seen.sshd.file)) found.set(seen.sshd.file, seen.sshd)
    }
    return [...found.values()]
}

function isDirectory(path: string): boolean {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
