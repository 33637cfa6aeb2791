import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Hit } from "../../../../src/core/knock/hit.ts"
import { formatFlags, formatHit, formatService, parseHit } from "../../../../src/core/knock/language.ts"
import { pauseBefore, pickTargets, planKnock, probeLimit, type Target } from "../../../../src/core/knock/plan.ts"
import { type ProfileIssue, parseProfile } from "../../../../src/core/knock/profile.ts"
import { formatBundleProfile } from "../../../../src/core/knock/profile-bundle.ts"
import type { PlanScenario, ProfileScenario } from "../../../../tools/vectors/knock-client.ts"

const FOLDER = join(import.meta.dirname, "../../../../vectors/knock-client")
const load = (prefix: string) =>
    readdirSync(FOLDER)
        .filter((name) => name.startsWith(prefix))
        .map((name) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")))
const profiles: readonly ProfileScenario[] = load("profile-")
const plans: readonly PlanScenario[] = load("plan-")

function shown({ path, problem }: ProfileIssue): string {
    const where = path
        .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
        .join("")
        .slice(1)
    const more = problem.code === "refused" ? ` ${problem.refused.code}` : ""
    return `${where} ${problem.code}${more}${problem.code === "unknown-key" && problem.near ? ` ${problem.near}` : ""}`
}

describe("parseProfile()", () => {
    test.each(profiles)("$name", ({ profile, expect: wanted }) => {
        const result = parseProfile(profile)
        if (!result.ok) return expect({ issues: result.issues.map(shown) }).toEqual(wanted)
        const doors = result.profile.doors.map(({ name, hits, wait, flags }) => ({
            name,
            hits: hits.map(formatHit),
            wait: wait && formatService(wait),
            flags: flags && formatFlags(flags),
        }))
        expect({ ...result.profile, doors }).toEqual(wanted)
    })

    test("reads what formatBundleProfile() wrote, whatever the paths are", () => {
        const { profile } = profiles.find(({ name }) => name === "profile-bundle")!
        const read = parseProfile(profile)
        if (!read.ok) throw new Error("refused")
        const path = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !text.includes("\0"))
        const paths = fc.oneof(
            path.map((one) => [one]),
            fc.array(path, { minLength: 2 }),
        )
        fc.assert(
            fc.property(paths, fc.constantFrom("postern", "gpg", "age"), (identities, decryptWith) => {
                const bundle = { ...read.profile.bundle!, identities, decryptWith }
                expect(parseProfile(formatBundleProfile("anna", bundle))).toEqual({
                    ok: true,
                    profile: { ...read.profile, bundle },
                })
            }),
        )
    })

    test("never throws, whatever is in the file, and finds a line for what is not TOML", () => {
        let good = 0
        const pieces = profiles.flatMap(({ profile }) => profile.split("\n"))
        const text = fc.oneof(
            fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((lines) => lines.join("\n")),
            fc.string({ unit: "binary" }),
            fc.constantFrom(...profiles.map(({ profile }) => profile)),
        )
        fc.assert(
            fc.property(text, (profile) => {
                const result = parseProfile(profile)
                if (result.ok) good++
                else {
                    expect(result.issues.length).toBeGreaterThan(0)
                    for (const { problem } of result.issues)
                        if (problem.code === "syntax") expect(problem.line).toBeGreaterThan(0)
                }
            }),
            { numRuns: 500 },
        )
        expect(good).toBeGreaterThan(5)
    })

    test("refuses a profile that is cut short, or reads the whole doors that are left", () => {
        const { profile } = profiles.find(({ name }) => name === "profile-all")!
        for (let length = 0; length < profile.length; length++) {
            const result = parseProfile(profile.slice(0, length))
            if (result.ok && result.profile.bundle === null)
                for (const door of result.profile.doors) expect(door.hits.length).toBeGreaterThan(0)
        }
    })
})

const target = (address: string): Target => ({ family: address.includes(":") ? 6 : 4, address })
const hit = (text: string): Hit => {
    const result = parseHit(text)
    if (!result.ok) throw new Error(text)
    return result.value
}

describe("planKnock()", () => {
    test.each(plans)("$name", ({ addresses, families, hits, delay, sends }) => {
        const targets = pickTargets(addresses.map(target), families)
        const plan = planKnock(targets, hits.map(hit), delay)
        expect(plan.map(({ at, hit, target }) => `${at} ${formatHit(hit)} ${target.address}`)).toEqual(sends)
    })

    test("sends each target exactly the hits, in order, at the same pace", () => {
        const address = fc.oneof(
            fc.ipV4(),
            fc.ipV6().filter((text) => text.includes(":")),
        )
        const hits = fc.array(fc.integer({ min: 1, max: 65_535 }).map((port): Hit => ({ protocol: "udp", port })))
        let both = 0
        fc.assert(
            fc.property(fc.array(address), hits, fc.nat(1000), (addresses, hits, delay) => {
                const targets = pickTargets(addresses.map(target), [4, 6])
                if (targets.length === 2) both++
                const plan = planKnock(targets, hits, delay)
                expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b))
                for (const one of targets) {
                    const mine = plan.filter(({ target }) => target === one)
                    expect(mine.map(({ hit }) => hit)).toEqual(hits)
                    expect(mine.map(({ at, number }) => at - (number - 1) * delay)).toEqual(hits.map(() => 0))
                }
            }),
        )
        expect(both).toBeGreaterThan(20)
    })
})

test("pauseBefore() and probeLimit() grow and stay bounded", () => {
    for (let n = 1; n < 2000; n++) {
        expect(pauseBefore(n)).toBeGreaterThanOrEqual(pauseBefore(n - 1))
        expect(probeLimit(n)).toBeGreaterThanOrEqual(probeLimit(n - 1))
    }
    expect([pauseBefore(0), pauseBefore(1999), probeLimit(0), probeLimit(1999)]).toEqual([20, 500, 250, 2000])
})
