import { describe, expect, it } from "vitest"
import { missing, type Resource, resource, wrongMethod } from "../../../src/web/reply.ts"

const MODIFIED = Date.UTC(2026, 2, 1, 12, 0, 5, 250)
const LATER = MODIFIED + 60_000
const FILE: Resource = { type: "text/plain", bytes: new Uint8Array([65]), etag: '"one"', modified: MODIFIED }
const ask = (headers: object = {}, now = LATER) => resource(FILE, { method: "GET", ...headers }, now)

describe("resource()", () => {
    it("lets caches keep a file and makes them ask each time", () => {
        const { status, headers, body } = ask()
        expect({ status, body }).toEqual({ status: 200, body: FILE.bytes })
        expect(headers).toMatchObject({
            "Cache-Control": "no-cache, no-transform",
            ETag: '"one"',
            "Last-Modified": "Sun, 01 Mar 2026 12:00:05 GMT",
            "Access-Control-Allow-Origin": "*",
        })
    })

    it("says nothing twice to whoever has it: by its tag, in a list, weak or any", () => {
        for (const ifNoneMatch of ['"one"', 'W/"one"', '"two", "one"', "*"]) {
            expect(ask({ ifNoneMatch })).toMatchObject({ status: 304, body: null })
        }
        for (const ifNoneMatch of ["", "one", '"on"', '"two"']) expect(ask({ ifNoneMatch }).status).toBe(200)
    })

    it("knows a time only if it gave it, and not beside a tag", () => {
        const ifModifiedSince = "Sun, 01 Mar 2026 12:00:05 GMT"
        expect(ask({ ifModifiedSince }).status).toBe(304)
        expect(ask({ ifModifiedSince, ifNoneMatch: '"two"' }).status).toBe(200)
        expect(ask({ ifModifiedSince: "Sun, 01 Mar 2026 12:00:06 GMT" }).status).toBe(200)
    })

    it("gives no time of a second that is not over: the file could be another one with the same time", () => {
        const fresh = ask({ ifModifiedSince: "Sun, 01 Mar 2026 12:00:05 GMT" }, MODIFIED + 1000)
        expect(fresh.status).toBe(200)
        expect(fresh.headers).not.toHaveProperty("Last-Modified")
    })
})

describe("missing() and wrongMethod()", () => {
    it("are the same pages, which say nothing", () => {
        expect(wrongMethod().body).toEqual(missing().body)
        expect(new TextDecoder().decode(missing().body ?? undefined)).not.toMatch(/postern|knock|found/i)
    })
})
