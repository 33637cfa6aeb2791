/** What this host has, for a configuration that is checked on it. */
import type { Lacks } from "../../core/config/host.ts"
import type { HostFacts } from "../../core/config/parse.ts"

/** What this host has and offers, as far as that can be asked: it only serves warnings. */
export async function thisHost(): Promise<HostFacts> {
    const { insideServices, socketServices } = await import("../../adapters/services/sockets.ts")
    const { isDirectoryMissing, isProgramMissing } = await import("../../adapters/commands/present.ts")
    const { groupId } = await import("../../adapters/control/group.ts")
    const { isOpenToOthers, lacksRight } = await import("../../adapters/commands/rights.ts")
    const asks: Readonly<Record<Parameters<Lacks>[0], (name: string, state: string) => boolean>> = {
        program: isProgramMissing,
        directory: isDirectoryMissing,
        group: (name) => groupId(name) === undefined,
        secrecy: isOpenToOthers,
        reading: (name, state) => lacksRight("reading", name, state),
        writing: (name, state) => lacksRight("writing", name, state),
        running: (name, state) => lacksRight("running", name, state),
    }
    // Many doors can run the same program, and each question may take one of its own.
    const known = new Map<string, boolean>()
    const lacks: Lacks = (kind, name, state) => {
        const question = `${kind} ${name}`
        const answer = known.get(question) ?? asks[kind](name, state)
        known.set(question, answer)
        return answer
    }
    try {
        return { listening: socketServices().offered(), inside: insideServices(), lacks }
    } catch {
        return { listening: null, lacks }
    }
}
