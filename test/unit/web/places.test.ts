import { describe, expect, it } from "vitest"
import { handedPlaces, parsePlace } from "../../../src/web/places.ts"

describe("parsePlace()", () => {
    it("reads an address of either family with a port", () => {
        expect(parsePlace("127.0.0.1:8080")).toEqual({ host: "127.0.0.1", port: 8080 })
        expect(parsePlace("[2001:DB8::1]:443")).toEqual({ host: "2001:db8::1", port: 443 })
        expect(parsePlace("[::]:0")).toEqual({ host: "::", port: 0 })
    })

    it.each([
        "",
        "8080",
        ":8080",
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:65536",
        "127.1:80",
        "::1:80",
        "[127.0.0.1]:80",
        "[::ffff:127.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "127.0.0.1:80 ",
    ])("refuses %j", (text) => expect(parsePlace(text)).toBeNull())
})

describe("handedPlaces()", () => {
    it("are the descriptors that systemd has opened for this process", () => {
        expect(handedPlaces({ LISTEN_PID: "7", LISTEN_FDS: "2" }, 7)).toEqual([{ fd: 3 }, { fd: 4 }])
    })

    it("are none where they are another's, or none are said", () => {
        for (const env of [
            {},
            { LISTEN_PID: "8", LISTEN_FDS: "1" },
            { LISTEN_FDS: "1" },
            { LISTEN_PID: "7", LISTEN_FDS: "0" },
        ]) {
            expect(handedPlaces(env, 7)).toEqual([])
        }
    })
})
