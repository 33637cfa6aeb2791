import { afterEach, beforeEach, expect, vi } from "vitest"

// Whoever prints in a test either forgot a line or hides a warning from us.
const methods = ["log", "info", "warn", "error", "debug"] as const

beforeEach(() => {
    for (const method of methods) vi.spyOn(console, method).mockImplementation(() => {})
})

afterEach(() => {
    for (const method of methods) {
        const spy = vi.mocked(console[method])
        expect(spy.mock.calls, `console.${method} was called`).toEqual([])
        spy.mockRestore()
    }
})
