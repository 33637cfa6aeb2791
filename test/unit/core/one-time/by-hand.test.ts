import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { linesByHand, quoted } from "../../../../src/core/one-time/by-hand.ts"

const HITS = [
    { protocol: "tcp", port: 23_144 },
    { protocol: "udp", port: 21_312 },
    { protocol: "icmp", port: 321 },
] as const

describe("linesByHand()", () => {
    it("has a line for each hit, with nc or with bash alone", () => {
        expect(linesByHand("gw.example.org", HITS, "nc")).toEqual([
            "nc -z -w1 gw.example.org 23144",
            "echo | nc -u -w1 gw.example.org 21312",
            "ping -c1 -s321 gw.example.org",
        ])
        expect(linesByHand("2001:db8::1", HITS, "bash")).toEqual([
            "timeout 1 bash -c ': > /dev/tcp/2001:db8::1/23144'",
            "bash -c 'echo > /dev/udp/2001:db8::1/21312'",
            "ping -c1 -s321 2001:db8::1",
        ])
    })

    it("never lets a host be more than a word of the shell", () => {
        for (const host of ["a;reboot", "$(id)", "it's", "a b", "-x"]) {
            const { stdout } = spawnSync("sh", ["-c", `printf %s ${quoted(host)}`], { encoding: "utf8" })
            expect(stdout).toBe(host)
        }
    })
})
