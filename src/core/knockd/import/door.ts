/** Doors of knockd as doors of ours, before anything is written: what they do, for whom, and what keeps some out. */
import { LIMITS, MAX_VIEWS } from "../../config/defaults.ts"
import { DOOR_NAME } from "../../config/fields.ts"
import { codeOf, type HitCode, type Service } from "../../knock/hit.ts"
import { formatFlags } from "../../knock/language.ts"
import { isDoorName } from "../../knock/limits.ts"
import { parseAddress } from "../../net/address.ts"
import type { KnockdDoor } from "../conf.ts"
import { type Argv, argvOf } from "./command.ts"
import type { Why } from "./move.ts"
import { holdsServices, type Plan, readPlan, sameServices } from "./plan.ts"
import { unicode } from "./writing.ts"

/** A door of ours, as it will be written. */
export type Draft = {
    readonly name: string
    /** Where it comes from; its texts are Unicode. */
    readonly was: KnockdDoor
    /** Only for those who knock by this family; null: for both. */
    readonly family: 4 | 6 | null
    readonly does: Deed
    /** Why it is left out; null: it is not. */
    readonly out: LeftOut | null
}

/** What its knock does. */
export type Deed =
    | Extract<Plan, { plan: "open" | "nothing" }>
    | { readonly plan: "close"; readonly closes: readonly string[]; readonly start: string }
    | (Extract<Plan, { plan: "run" }> & { readonly argv: Argv | null; readonly stopArgv: Argv | null })

/** Why a door is not taken over. */
export type LeftOut =
    | { readonly left: "one-time"; readonly path: string }
    | { readonly left: "no-such-port" }
    | { readonly left: "no-time" }
    | { readonly left: "flags" }
    | { readonly left: "target"; readonly target: string }
    | { readonly left: "bytes" }
    | { readonly left: "long-command" }
    | { readonly left: "closes-nothing" }
    | { readonly left: "views" }
    /** `postern check` would refuse it, in these words. */
    | { readonly left: "refused"; readonly message: string }

/** All doors of a file, in its order. */
export function draftDoors(doors: readonly KnockdDoor[]): Draft[] {
    const names = new Set<string>()
    const plans = doors.flatMap((door) => plansOf(door).map((one) => ({ ...one, name: newName(one.name, names) })))
    const openers = new Map<HitCode, { readonly name: string; readonly services: readonly Service[] }[]>()
    for (const { name, plan } of plans) {
        if (plan.plan !== "open") continue
        const code = codeOf(plan.services[0]!)
        openers.set(code, [...(openers.get(code) ?? []), { name, services: plan.services }])
    }
    /** Doors all of whose services are among these. */
    const closable = (services: readonly Service[]) =>
        services
            .flatMap((service) => openers.get(codeOf(service)) ?? [])
            .filter((one) => holdsServices(services, one.services))
            .map(({ name }) => name)
    const views = new Set<string>()
    return plans.map(({ name, was, bytes, family, plan }): Draft => {
        const does = deedOf(plan, closable)
        return { name, was, family, does, out: bytes ? { left: "bytes" } : whyOut(was, does, views) }
    })
}

type Planned = Pick<Draft, "name" | "was" | "family"> & { readonly plan: Plan; readonly bytes: boolean }

/** A door per family where knockd does not the same for both. */
function plansOf(raw: KnockdDoor): Planned[] {
    const { was, bytes } = decoded(raw)
    const { name, start, stop, start6, stop6, cmdTimeout } = was
    const planned = (family: 4 | 6 | null, plan: Plan, suffix = "") => ({
        name: name + suffix,
        was,
        bytes,
        family,
        plan,
    })
    const plan4 = readPlan(start, stop, cmdTimeout)
    const plan6 = readPlan(start6 ?? start, stop6 ?? stop, cmdTimeout)
    const both = merged(plan4, plan6)
    if (both !== null) return [planned(null, both)]
    if (plan6.plan === "nothing") return [planned(4, plan4)]
    if (plan4.plan === "nothing") return [planned(6, plan6)]
    return [planned(4, plan4), planned(6, plan6, "-6")]
}

/** One plan that is as good as both. */
function merged(a: Plan, b: Plan): Plan | null {
    if (a.plan === "nothing" && b.plan === "nothing") return a
    if (a.plan === "close" && b.plan === "close") return sameServices(a.services, b.services) ? a : null
    if (a.plan === "run" && b.plan === "run") return a.start === b.start && a.stop === b.stop ? a : null
    if (a.plan !== "open" || b.plan !== "open") return null
    if (!sameServices(a.services, b.services) || a.for?.ms !== b.for?.ms) return null
    const wider = unique([...a.wider, ...b.wider], ({ by, name }) => `${by} ${name}`)
    return { ...a, wider, admit: unique([...a.admit, ...b.admit], (text) => text) }
}

/** Each once, as its text says. */
function unique<T>(some: readonly T[], text: (one: T) => string): T[] {
    return [...new Map(some.map((one) => [text(one), one])).values()]
}

function deedOf(plan: Plan, closable: (services: readonly Service[]) => string[]): Deed {
    if (plan.plan === "open" || plan.plan === "nothing") return plan
    if (plan.plan === "run") return running(plan)
    const closes = closable(plan.services).slice(0, LIMITS.closes[1])
    if (closes.length > 0) return { plan: "close", closes, start: plan.start }
    const why: Why = { why: "no-twin" }
    return running({ plan: "run", start: plan.start, stop: null, after: null, why })
}

function running(plan: Extract<Plan, { plan: "run" }>): Deed {
    const stopArgv = plan.stop === null || plan.after === null ? null : argvOf(plan.stop)
    return { ...plan, argv: argvOf(plan.start), stopArgv }
}

/** What makes a door useless or false that is written as it stands. What else is wrong `postern check` finds. */
function whyOut(was: KnockdDoor, does: Deed, views: Set<string>): LeftOut | null {
    if (was.oneTime !== null) return { left: "one-time", path: was.oneTime }
    if (was.hits.some(({ port }) => port === 0)) return { left: "no-such-port" }
    if (was.seqTimeout <= 0) return { left: "no-time" }
    const tcp = was.hits.some(({ protocol }) => protocol === "tcp")
    if (tcp && (was.flags.set & was.flags.clear) !== 0) return { left: "flags" }
    if (was.target !== null && parseAddress(was.target) === null) return { left: "target", target: was.target }
    if (
        does.plan === "run" &&
        (does.argv === null || (does.stopArgv === null && does.stop !== null && does.after !== null))
    )
        return { left: "long-command" }
    const view = `${tcp ? formatFlags(was.flags) : ""} ${was.target ?? ""}`
    if (!views.has(view) && views.size === MAX_VIEWS) return { left: "views" }
    views.add(view)
    return null
}

/** With texts of Unicode instead of bytes. `bytes`: one is no UTF-8, and they are all left out. */
function decoded(door: KnockdDoor): { readonly was: KnockdDoor; readonly bytes: boolean } {
    const { name, oneTime, target, start, start6, stop, stop6 } = door
    const bytes = [name, oneTime, target, start, start6, stop, stop6].some(
        (one) => one !== null && unicode(one) === null,
    )
    const text = (one: string | null) => (one === null || bytes ? null : unicode(one))
    const texts = { oneTime: text(oneTime), target: text(target), start: text(start), stop: text(stop) }
    const was = { ...door, ...texts, name: unicode(name) ?? name, start6: text(start6), stop6: text(stop6) }
    return { was, bytes }
}

/** A name that the configuration takes and that nobody has. */
function newName(name: string, names: Set<string>): string {
    const plain = name
        .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
        .replace(/^[^A-Za-z0-9]+/, "")
        .slice(0, 56)
    const good = isDoorName(plain) ? plain : plain === "" ? "door" : `door-${plain}`
    let free = DOOR_NAME.test(name) && isDoorName(name) ? name : good.replace(/(?<=.)-+$/, "")
    for (let number = 2; names.has(free); number++) free = `${good.slice(0, 56)}-${number}`
    names.add(free)
    return free
}
