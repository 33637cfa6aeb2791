import { describe, expect, it } from "vitest"
import { MAX_DOORS, MAX_PROBLEMS } from "../../../../src/core/config/defaults.ts"
import { readConfig } from "../../../../src/core/config/parse.ts"

const unknown = { listening: null }

/** Doors that have nothing in common and nothing wrong but one thing each: that all are alike (`same`), or a value. */
function doors(count: number, hits: (i: number) => readonly string[], more = "hide = true"): string {
    const one = (i: number) =>
        `[[door]]\nname = "d${i}"\nopens = ["tcp/${1 + (i % 60_000)}"]\n${more}\nsequence.hits = ${JSON.stringify(hits(i))}\n`
    return Array.from({ length: count }, (_, i) => one(i)).join("")
}
const mixed = (i: number) => [
    `${10_000 + ((i * 7919) % 50_000)}`,
    `${10_000 + (i % 50_000)}:udp`,
    `icmp:${100 + (i % 1200)}`,
]

/** Files of at most a MiB, as they may be. */
function files(text: string) {
    const parts = text.split(/(?=\[\[door\]\]\n)/)
    const size = Math.ceil(parts.length / 8)
    return Array.from({ length: 8 }, (_, i) => ({ file: `${i}`, text: parts.slice(i * size, (i + 1) * size).join("") }))
}

/** The processor's time for one reading, in milliseconds. */
async function cost(text: string): Promise<number> {
    const before = process.cpuUsage()
    await readConfig(files(text), unknown)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
}

describe("readConfig() of large configurations", () => {
    it("reads ten thousand doors", async () => {
        const reading = await readConfig(files(doors(10_000, mixed)), unknown)
        expect(reading.ok && reading.config.doors.length).toBe(10_000)
    }, 60_000)

    it("refuses more doors than there can be, over all files, without looking at them", async () => {
        const text = doors(MAX_DOORS + 1, () => ["nonsense"], "hide = 3")
        const { ok, issues } = await readConfig(files(text), unknown)
        expect(ok).toBe(false)
        expect(issues.map(({ code, message }) => `${code}: ${message}`)).toEqual([
            `too-many-doors: ${MAX_DOORS + 1} doors are more than the ${MAX_DOORS} that there can be over all files`,
        ])
    }, 60_000)

    it.each([
        ["doors of all kinds", (n: number) => doors(n, mixed)],
        ["doors with one knock", (n: number) => doors(n, () => ["40000", "20000:udp", "30000"])],
        ["doors with mistakes", (n: number) => doors(n, mixed, "hide = 3")],
        ["doors that close what is not there", (n: number) => doors(n, mixed, 'closes = ["x"]')],
        ["doors of one name", (n: number) => doors(n, mixed).replaceAll(/name = ".*"/g, 'name = "d"')],
        [
            "targets",
            (n: number) => {
                let i = 0
                return doors(n, mixed, "").replaceAll(
                    "sequence.hits",
                    () => `sequence.target = "10.0.${i >> 8}.${i++ & 255}"\nsequence.hits`,
                )
            },
        ],
    ])(
        "takes no more than its share of time for sixteen times as many %s",
        async (_, text) => {
            await cost(text(150))
            // Sixteen where each takes as long as the others, 256 where each is compared with each.
            expect((await cost(text(3200))) / Math.max(20, await cost(text(200)))).toBeLessThan(100)
        },
        120_000,
    )

    it("says of many problems the first, and that there are more", async () => {
        const { issues } = await readConfig(files(doors(2000, mixed, "hide = 3")), unknown)
        expect(issues).toHaveLength(MAX_PROBLEMS + 1)
        expect(issues.filter(({ code }) => code === "type")).toHaveLength(MAX_PROBLEMS)
        expect(issues.find(({ code }) => code === "too-many-problems")?.message).toBe(
            "more than 1000 problems: mend those before it, and look again",
        )
    }, 60_000)

    it("shows mistakes before what is only unwise, and bounds that, too", async () => {
        const unwise = doors(1100, () => ["40000", "20000:udp"])
        const { ok, issues } = await readConfig(files(unwise), unknown)
        expect(ok).toBe(true)
        expect(issues).toHaveLength(MAX_PROBLEMS + 1)
        expect(issues.filter(({ code }) => code === "too-many-doubts")).toHaveLength(1)
        const wrong = await readConfig(files(`${unwise}[[door]]\nname = "wrong"\n`), unknown)
        expect(wrong.issues.map(({ code }) => code)).toContain("missing")
        expect(wrong.issues.length).toBeLessThan(10)
    }, 60_000)

    it("names four doors with the same knock, not all of them", async () => {
        const { issues } = await readConfig(files(doors(40, () => ["40000", "20000:udp", "30000"])), unknown)
        const about = issues.filter(({ code, path }) => code === "same-knock" && path.startsWith("door.d39."))
        expect(about).toHaveLength(4)
    })

    it.each([
        ["a key of many dots", `a${".a".repeat(100_000)} = 1\n`],
        ["a header of many dots", `[a${".a".repeat(100_000)}]\n`],
        ["a key inside a table", `\nx = { a${".a".repeat(100_000)} = 1 }\n`],
        ["lists in lists", `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}\n`],
        ["tables in tables", `a = ${"{a=".repeat(50_000)}1${"}".repeat(50_000)}\n`],
    ])("refuses %s as it stands", async (_, text) => {
        const { issues } = await readConfig([{ file: "a", text }], unknown)
        expect(issues.map(({ code }) => code)).toEqual(["syntax"])
        expect(issues[0]?.line).toBe(text.startsWith("\n") ? 2 : 1)
        expect(issues[0]?.message.length).toBeLessThan(100)
    })

    it("refuses a list of a hundred thousand, with what is wrong at its beginning", async () => {
        const text = `[[door]]\nname = "d"\nopens = [${'"y",'.repeat(150_000)}]\nsequence.hits = ["40000", "20000:udp"]\n`
        const { issues } = await readConfig([{ file: "a", text }], unknown)
        expect(issues.map(({ code }) => code).filter((code) => code === "count")).toEqual(["count"])
        expect(issues.length).toBeLessThan(200)
    }, 60_000)
})
