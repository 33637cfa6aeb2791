import { describe, expect, it } from "vitest"
import { logStamp, syslogText } from "../../../src/daemon/knockd/stamps.ts"

/** In whatever time zone this runs. */
const at = (day: number, second = 0) => new Date(2026, 1, day, 4, 5, second).getTime()

describe("stamps of knockd's lines", () => {
    it("are local: those of the log file without seconds, those of syslog with a blank before a short day", () => {
        expect(logStamp(at(3, 59))).toBe("2026-02-03 04:05")
        expect(syslogText(at(3, 9), "d: OPEN SESAME")).toBe("<29>Feb  3 04:05:09 knockd: d: OPEN SESAME")
        expect(syslogText(at(28, 59), "x")).toBe("<29>Feb 28 04:05:59 knockd: x")
    })
})
