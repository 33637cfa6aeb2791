/** The file that `postern hide` writes: one line is changed, and what a person has written stays. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { says, withRule } from "../../../../src/core/config/hide-file.ts"
import { formatService } from "../../../../src/core/knock/language.ts"

const SSH = { protocol: "tcp", port: 22 } as const
const DNS = { protocol: "udp", port: 53 } as const
const service = fc.record({
    protocol: fc.constantFrom("tcp", "udp"),
    port: fc.integer({ min: 1, max: 65_535 }),
})

describe("withRule()", () => {
    it("makes a file that says what it is", () => {
        expect(withRule(null, SSH, true)).toMatch(/^# What is hidden.*\n\[hide\]\n"tcp\/22" = true\n$/)
        expect(withRule("", SSH, false)).toMatch(/\[hide\]\n"tcp\/22" = false\n$/)
    })

    it("changes the line of this service, however it is written, and nothing else", () => {
        const mine = '# mine\n[hide]\n  "TCP/22" = false   # the console\n"udp/53" = true\n\n# the end\n'
        expect(withRule(mine, SSH, true)).toBe(mine.replace('"TCP/22" = false', '"tcp/22" = true'))
        expect(withRule(mine, DNS, true)).toBe(mine)
    })

    it("adds a line behind the others of its table", () => {
        expect(withRule('[hide]\n"tcp/22" = true\n\n[[hook]]\nname = "a"\n', DNS, false)).toBe(
            '[hide]\n"tcp/22" = true\n"udp/53" = false\n\n[[hook]]\nname = "a"\n',
        )
        expect(withRule('[[hook]]\nname = "a"', DNS, false)).toBe('[[hook]]\nname = "a"\n\n[hide]\n"udp/53" = false\n')
    })

    it("refuses what no line of it can say", () => {
        expect(withRule('hide = { "tcp/22" = true }\n', SSH, false)).toBeNull()
        expect(withRule("[hide\n", SSH, true)).toBeNull()
        expect(withRule('[hide]\n"tcp/22" = "yes"\n', SSH, true)).toBeNull()
    })

    it("says in the end what each service was given last, whatever the order", () => {
        let changed = 0
        fc.assert(
            fc.property(fc.array(fc.tuple(service, fc.boolean()), { minLength: 1, maxLength: 12 }), (rules) => {
                let text: string | null = null
                const last = new Map<string, boolean>()
                for (const [one, hide] of rules) {
                    text = withRule(text, one, hide)
                    if (last.has(formatService(one))) changed++
                    last.set(formatService(one), hide)
                    expect(text).not.toBeNull()
                }
                for (const [one] of rules) expect(says(text!, one)).toBe(last.get(formatService(one)))
                expect(text!.match(/=/g)).toHaveLength(last.size)
            }),
            {
                examples: [
                    [
                        [
                            [SSH, true],
                            [DNS, true],
                            [SSH, false],
                        ],
                    ],
                ],
            },
        )
        expect(changed).toBeGreaterThan(0)
    })
})
