/**
 * A gateway of models: the loop with a simulated clock, links that change when told so, a model of the firewall,
 * programs that are ended by hand, and packets as bytes. Nothing of it is a machine's.
 */
import { traceCapture } from "../../../src/adapters/capture/trace.ts"
import { simulatedClock } from "../../../src/adapters/clock/simulated.ts"
import { memoryCommands } from "../../../src/adapters/commands/memory.ts"
import { formatElement } from "../../../src/adapters/firewall/elements.ts"
import { memoryFirewall } from "../../../src/adapters/firewall/memory.ts"
import { simulatedLinks } from "../../../src/adapters/links/simulated.ts"
import type { Config } from "../../../src/core/config/config.ts"
import { formatService, parseHit, parseService } from "../../../src/core/knock/language.ts"
import { Meter } from "../../../src/core/metrics/meter.ts"
import type { Watching } from "../../../src/core/watch.ts"
import { Loop, type LoopPorts } from "../../../src/daemon/loop.ts"
import { logReports } from "../../../src/daemon/told.ts"
import type { LinkState } from "../../../src/ports/links.ts"
import * as make from "../../../tools/vectors/bytes.ts"

/** One interface with the default route, and one without. */
export const LINKS: LinkState = {
    interfaces: [
        { name: "eth0", index: 2, up: true },
        { name: "wg0", index: 3, up: true },
    ],
    addresses: [make.LOCAL4, make.LOCAL6].map((text) => ({ address: make.address(text), interface: 2 })),
    defaultRoutes: ["eth0"],
}

export type Gate = ReturnType<typeof makeGate>

const followed = ({ interfaces, offered }: Watching) =>
    `${interfaces?.join(",") ?? "all"} without ${offered.map(formatService).join(",")}`

/** Makes one that has not started. `replace` takes the place of what is a model here otherwise. */
export function makeGate(config: Config, replace: (ports: LoopPorts) => Partial<LoopPorts> = () => ({})) {
    const clock = simulatedClock(1000)
    const capture = traceCapture({ source: [], local: LINKS.addresses.map(({ address }) => address) })
    const firewall = memoryFirewall(() => clock.monotonic())
    const links = simulatedLinks(LINKS)
    const commands = memoryCommands()
    const meter = new Meter()
    const lines: string[] = []
    const follows: string[] = []
    const offered: string[] = []
    let translated = false
    let looks = 0
    let sequence = 1
    const ports: LoopPorts = {
        capture: {
            ...capture,
            start(watching, sink) {
                follows.push(followed(watching))
                capture.start(watching, sink)
            },
            follow(watching) {
                follows.push(followed(watching))
                capture.follow(watching)
            },
        },
        firewall,
        links,
        commands,
        clock,
        services: {
            offered() {
                looks++
                return offered.map((text) => {
                    const read = parseService(text)
                    if (!read.ok) throw new Error(text)
                    return read.value
                })
            },
            published: () => (translated ? [] : null),
        },
        store: null,
        // As an operator sees it who has not asked for more.
        log: (level, text) => void (level === "debug" || lines.push(`${level} ${text}`)),
        listeners: [],
        meter,
    }
    const replaced = { ...ports, ...replace(ports) }
    const listeners = [logReports(replaced.log, () => clock.wall()), ...replaced.listeners]
    const loop = new Loop(config, { ...replaced, listeners }, [1, 2])
    return {
        loop,
        meter,
        clock,
        firewall,
        links,
        /** What the host offers from now on, as `tcp/443`. */
        offered,
        /** Somebody else begins to change addresses. */
        translate: () => {
            translated = true
            firewall.translate()
        },
        looks: () => looks,
        /** Programs that run. */
        running: commands.running,
        send(source: string, text: string, on = "eth0"): void {
            const read = parseHit(text)
            if (!read.ok) throw new Error(text)
            const { protocol, port } = read.value
            const v6 = source.includes(":")
            const makers = {
                tcp: () => make.tcp(port, { sequence: sequence++ }),
                udp: () => make.udp(port),
                icmp: () => (v6 ? make.icmp6(port) : make.icmp(port)),
            }
            const transport = makers[protocol]()
            const bytes = v6 ? make.ipv6(transport, { source }) : make.ipv4(transport, { source })
            capture.deliver({ time: clock.monotonic(), bytes, interface: on })
        },
        /** The hits of a knock, 10 ms apart. */
        knock(source: string, hits: readonly string[], on = "eth0"): void {
            for (const hit of hits) {
                this.send(source, hit, on)
                clock.advance(10)
            }
        },
        open: () => firewall.list().map(({ element, left }) => `${formatElement(element)} ${left}`),
        /** Lines of the log since the last time. */
        said: () => lines.splice(0),
        /** What the capture was told to follow since the last time. */
        follows: () => follows.splice(0),
    }
}
