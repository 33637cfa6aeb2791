/** The daemons that are measured, in the gateway of the lab: each refuses its port to strangers until a knock. */
import { mkdirSync } from "node:fs"
import { controlClient } from "../src/adapters/control/client.ts"
import type { Status } from "../src/core/status.ts"
import { hitsOf, PORTS } from "./doors.ts"
import { startInItsPlace, startKnockd } from "./knockd.ts"
import type { Subject } from "./row.ts"
import { type AnyLab, type Options, type Running, settle, stampsIn } from "./running.ts"

/** Starts a subject and waits until it is ready and at rest. Throws if it is not within a minute. */
export async function startSubject(lab: AnyLab, subject: Subject, options: Options = {}): Promise<Running> {
    if (subject === "knockd") return startKnockd(lab, options)
    if (subject === "drop-in") return startInItsPlace(lab, options)
    return startPostern(lab, subject, options)
}

/** As short as can be: ten thousand of them have to fit into a configuration file. */
function doorText(index: number): string {
    const hits = `sequence = { hits = [${hitsOf(index).join(", ")}] }`
    const door = `[[door]]\nname = "b${index}"\nopens = ["tcp/${PORTS.postern}"]\n${hits}`
    return index === 0 ? `${door}\nfor = "1h"\nhide = true` : door
}

/** A door that runs a command alone, by a shell as knockd does, so that the same is measured. */
function stampText(stamps: NonNullable<Options["stamps"]>, directory: string): string {
    const start = ["/bin/sh", "-c", `date +%s%N > ${directory}/$0`, "{source}"]
    return [
        `[[door]]\nname = "b0"\nsequence = { hits = [${hitsOf(0).join(", ")}] }\n[door.command]`,
        `start = ${JSON.stringify(start)}`,
        ...(stamps === "start" ? [] : ['stop = ["/bin/true"]', 'after = "5s"']),
    ].join("\n")
}

async function startPostern(lab: AnyLab, subject: Subject, { doors = 1, stamps }: Options): Promise<Running> {
    mkdirSync(stampsIn(lab.scratch), { recursive: true })
    const texts =
        stamps === undefined
            ? Array.from({ length: doors }, (_, index) => doorText(index))
            : [stampText(stamps, stampsIn(lab.scratch))]
    const begun = performance.now()
    const daemon = await lab.startDaemon(
        [
            "[gateway]",
            'interfaces = ["eth0"]',
            `capture = "${subject === "postern" ? "nflog" : "packet-socket"}"`,
            ...texts,
        ].join("\n"),
        { until: null },
    )
    // Ten thousand doors take their time to be checked.
    await daemon.log.waitFor(/\bready\b/, { timeout: 60_000 })
    const ready = performance.now() - begun
    await settle(daemon.pid)
    return {
        pid: daemon.pid,
        ready,
        async finish() {
            const status = await statusOf(daemon.socket)
            await daemon.stop()
            lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
            return { handled: status.counters.delivered, opened: status.totals.grants }
        },
    }
}

async function statusOf(socket: string): Promise<Status> {
    const client = controlClient(socket)
    const answer = await client.ask({ ask: "status" })
    client.close()
    if (!answer.ok || answer.answer !== "status") throw new Error(`no status: ${JSON.stringify(answer)}`)
    return answer.status
}
