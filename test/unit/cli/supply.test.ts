import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { generateIdentity } from "../../../src/adapters/sealing/portable/generate.ts"
import { readKey } from "../../../src/adapters/sealing/read-key.ts"
import { DIGESTS } from "../../../src/adapters/system/digests.ts"
import { enrolmentOf } from "../../../src/cli/device/enrolment.ts"
import { stateFolder } from "../../../src/cli/device/folders.ts"
import type { Enrolment } from "../../../src/cli/device/obtain.ts"
import { knocksAt, type Notice } from "../../../src/cli/device/supply.ts"
import { saveSecret } from "../../../src/cli/save.ts"
import { parseLink } from "../../../src/core/one-time/link.ts"
import { sequenceId } from "../../../src/core/one-time/turn.ts"
import { type Publisher, startPublisher } from "../../lab/publisher.ts"

const SEQUENCES = [7, 8, 9].map((counter) => ({ counter, hits: [{ protocol: "tcp", port: 2000 + counter }] }) as const)
const id = (counter: number) => sequenceId(DIGESTS.sha256, "ssh", SEQUENCES[counter - 7]!)

let home: string
let publisher: Publisher
let enrolment: Enrolment
let notices: Notice[]

beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "postern-device-"))
    notices = []
    publisher = await startPublisher({
        gateway: "gw",
        doors: [{ name: "ssh", opens: [], within: 15_000, sequences: SEQUENCES }],
    })
    const { identity, recipient } = await generateIdentity("age")
    saveSecret(join(home, "key"), `${identity}\n`, false)
    const key = await readKey(recipient, Date.now())
    const link = parseLink(publisher.link)
    if (!key.ok || !link.ok) throw new Error("refused")
    await publisher.publish([key.recipient], "age")
    const bundle = { link: link.link, identities: [join(home, "key")], decryptWith: "postern" } as const
    enrolment = enrolmentOf(bundle, { HOME: home })
    enrolment.keeping.begin(link.link.key)
})
afterEach(async () => {
    await publisher.close()
    rmSync(home, { recursive: true, force: true })
})

const knocks = () =>
    knocksAt(
        enrolment,
        ({ doors }) => doors[0]!,
        false,
        new AbortController().signal,
        (notice) => notices.push(notice),
    )
const tried = () =>
    readdirSync(stateFolder({ HOME: home }, enrolment.bundle.link.place)).filter((name) => name.startsWith("tried-"))
const yes = () => Promise.resolve(true)

describe("knocksAt().next()", () => {
    it("notes a sequence on the disk before it hands out its hits, and none that cannot be sent", async () => {
        const supply = knocks()
        expect(await supply.next(() => Promise.resolve(false))).toEqual(SEQUENCES[0]!.hits)
        expect(tried()).toEqual([])
        expect(await supply.next(yes)).toEqual(SEQUENCES[0]!.hits)
        expect(tried()).toEqual([`tried-${id(7)}-1`])
    })

    it("takes the following one where another process was faster", async () => {
        const hits = await knocks().next((wanted) => {
            if (wanted[0]!.port === 2007) enrolment.keeping.claim(id(7), 1)
            return yes()
        })
        expect(hits).toEqual(SEQUENCES[1]!.hits)
        expect(tried().toSorted()).toEqual([`tried-${id(7)}-1`, `tried-${id(8)}-1`].toSorted())
    })

    it("goes on after what opened, warns when all were sent before, and ends when all is used up", async () => {
        const first = knocks()
        await first.next(yes)
        await first.next(yes)
        first.opened()
        const later = knocks()
        expect(await later.next(yes)).toEqual(SEQUENCES[2]!.hits)
        expect(notices).toEqual([{ code: "fetching" }])
        expect(await later.next(yes)).toEqual(SEQUENCES[2]!.hits)
        expect(notices).toEqual([{ code: "fetching" }, { code: "fetching" }, { code: "again", tries: 1 }])
        later.opened()
        expect(await knocks().next(yes)).toBeNull()
    })

    it("says why where nothing can be kept, and gives nothing out", async () => {
        const supply = knocks()
        await supply.bundle()
        rmSync(stateFolder({ HOME: home }, enrolment.bundle.link.place), { recursive: true })
        saveSecret(stateFolder({ HOME: home }, enrolment.bundle.link.place), "", false)
        expect(await supply.next(yes)).toBeNull()
        expect(supply.trouble()).toMatchObject({
            code: "keeping",
            folder: stateFolder({ HOME: home }, enrolment.bundle.link.place),
            detail: "ENOTDIR",
        })
    })
})
