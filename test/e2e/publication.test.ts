/**
 * The whole way of a bundle, with the real daemon and stock tools: a person is added, the file is published, decrypted by
 * `age`, and its sequences open the door; then everything that an operator does with it.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { generateIdentity, identityToRecipient } from "age-encryption"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { formatHit } from "../../src/core/knock/language.ts"
import { parseSigned, type SignedBundle } from "../../src/core/one-time/bundle.ts"
import { type Daemon, eventually, type Host, knockPlainly, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { oneTimeConfiguration } from "../lab/one-time.ts"
import { decrypted, seen } from "../lab/publication.ts"
import { mountSmallDisk, type SmallDisk } from "../lab/small-disk.ts"

let lab: Lab<"knocker">
let knocker: Host
let folder: string
let tests = 0
let identity: string
const daemons: Daemon[] = []
const disks: SmallDisk[] = []
const at = (name: string) => join(folder, name)

beforeAll(async () => {
    lab = makeLab(["knocker"])
    knocker = lab.hosts.knocker
    identity = await generateIdentity()
})
beforeEach(() => {
    folder = join(lab.scratch, `publication-${++tests}`)
    mkdirSync(join(folder, "www"), { recursive: true })
})
afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    for (const disk of disks.splice(0)) disk.remove()
    lab.gateway.exec(["nft", "delete", "table", "inet", "postern"])
})
afterAll(() => lab?.remove())

const configuration = (more = "") =>
    oneTimeConfiguration({
        gateway: lab.gateway.v4,
        users: at("users.d"),
        state: at("state"),
        url: "https://example.org/knock/",
        directory: at("www"),
        bundles: `files = 3\n${more}`,
        opens: "tcp/2222",
        draws: "length = 3\nwindow = 5",
    })

async function start(more = "", disk: SmallDisk | null = null): Promise<Daemon> {
    const daemon = await lab.startDaemon(configuration(more), { wrap: disk?.inside ?? [] })
    daemons.push(daemon)
    return daemon
}

async function mount(name: string): Promise<SmallDisk> {
    mkdirSync(at(name), { recursive: true, mode: 0o700 })
    const disk = await mountSmallDisk(at(name), lab.scratch, 4 << 20)
    disks.push(disk)
    return disk
}

/** What a command says beside this daemon. */
function postern({ socket, file }: Daemon, ...words: readonly string[]): string {
    const config = ["user", "bundle"].includes(words[0]!) ? ["--config", file] : []
    const { stdout, stderr, status } = lab.gateway.exec([POSTERN, ...words, ...config, "--socket", socket])
    return `${stdout}${stderr}${status === 0 ? "" : `? ${status}`}`.trim()
}
const json = (daemon: Daemon, ...words: readonly string[]) => JSON.parse(postern(daemon, ...words, "--json"))

/** Adds anna, and says where her file is. */
async function addAnna(daemon: Daemon): Promise<string> {
    expect(postern(daemon, "user", "add", "anna", "--key", await identityToRecipient(identity))).toMatch(/1 key added/)
    const { bundle } = json(daemon, "user", "show", "anna")
    return bundle.files[0].name
}

/** What is published for her; undefined: nothing yet. */
async function published(file: string, root = at("www")): Promise<SignedBundle | undefined> {
    try {
        const text = await decrypted(readFileSync(join(root, file), "utf8"), identity)
        const read = parseSigned(text)
        return read.ok ? read.value : undefined
    } catch {
        return undefined
    }
}

/** Waits for a bundle that is so. */
async function until(
    file: string,
    right: (bundle: SignedBundle["bundle"]) => boolean,
    root?: string,
): Promise<SignedBundle> {
    let found: SignedBundle | undefined
    const come = await eventually(async () => {
        found = await published(file, root)
        return found !== undefined && right(found.bundle)
    })
    if (!come || found === undefined) throw new Error("no such bundle was published")
    return found
}

const sequencesOf = ({ bundle }: SignedBundle) => bundle.doors[0]!.sequences.map(({ hits }) => hits.map(formatHit))

const counterIs =
    (counter: number) =>
    ({ doors }: SignedBundle["bundle"]) =>
        doors[0]!.sequences[0]!.counter === counter

const knock = (hits: readonly string[]) => knockPlainly(knocker, lab.gateway.v4, hits)
const openedBy = (daemon: Daemon) => daemon.log.all.filter((line) => line.includes("(anna): open")).length

async function opens(daemon: Daemon, hits: readonly string[]): Promise<void> {
    const before = openedBy(daemon)
    knock(hits)
    expect(await eventually(() => openedBy(daemon) > before)).toBe(true)
}

/** Hits of which none begins a sequence are not even looked at: what opened would be told within moments of the next knock. */
async function opensNothing(daemon: Daemon, hits: readonly string[], then: readonly string[]): Promise<void> {
    const before = openedBy(daemon)
    knock(hits)
    await opens(daemon, then)
    expect(openedBy(daemon)).toBe(before + 1)
}

describe("a gateway that publishes", () => {
    it("takes a person in, whose next sequence opens, once, and is replaced by another list within a moment", async () => {
        const daemon = await start()
        const file = await addAnna(daemon)
        await until(file, () => true)
        // With the program that everybody has.
        const stock = spawnSync("age", ["-d", "-i", "-", join(at("www"), file)], { input: identity, encoding: "utf8" })
        expect(stock.error ?? stock.stderr).toBe("")
        const line = /^hits ssh 0 (.*)$/m.exec(stock.stdout)![1]!
        const first = seen(at("www"))
        await opens(daemon, line.split(" "))
        const second = await until(file, ({ doors }) => doors[0]!.sequences[0]!.counter === 1)
        expect(second.bundle.doors[0]!.sequences).toHaveLength(5)
        // Every file is another one.
        expect(seen(at("www")).map(({ name }) => name)).toEqual(first.map(({ name }) => name))
        expect(seen(at("www")).filter(({ text }) => first.some((one) => one.text === text))).toEqual([])
        await opens(daemon, sequencesOf(second)[2]!)
        await until(file, ({ doors }) => doors[0]!.sequences[0]!.counter === 4)
        const { bundle } = json(daemon, "user", "show", "anna")
        expect(bundle.doors).toMatchObject([{ door: "ssh", next: 4, left: 5, used: expect.any(Number) }])
        expect(postern(daemon, "status")).toMatch(
            /bundles\n {2}published {3}serial \d+.*3 files\n {2}target {6}directory .*www: as it should be/,
        )
        expect(postern(daemon, "metrics")).toMatch(/^postern_bundles_target_failing\{target="directory .*www"\} 0$/m)
        // Nothing of a sequence is told anywhere.
        const told = [
            daemon.log.all.join("\n"),
            postern(daemon, "status", "--json"),
            postern(daemon, "bundle", "show", "anna"),
            postern(daemon, "log"),
        ]
        for (const hits of sequencesOf(second)) for (const text of told) expect(text).not.toContain(hits.join(" "))
        // But to who asks for it, and then that is written down.
        expect(postern(daemon, "bundle", "show", "anna", "--secret")).toContain(
            `hits ssh 4 ${sequencesOf(await until(file, () => true))[0]!.join(" ")}`,
        )
        expect(postern(daemon, "log")).toMatch(/user 0 has read the upcoming sequences of anna/)
        json(daemon, "bundle", "show", "anna")
        expect(postern(daemon, "log", "--kind", "located")).toMatch(/user 0 was told where the files of anna are$/)
    })

    it("makes other sequences when asked, and signs with another key beside the old one", async () => {
        const daemon = await start()
        const file = await addAnna(daemon)
        const old = await until(file, () => true)
        expect(postern(daemon, "bundle", "rotate", "anna")).toMatch(/generation 1/)
        const next = await until(file, ({ serial }) => serial > old.bundle.serial)
        const [mine] = sequencesOf(next)
        expect(mine).not.toEqual(sequencesOf(old)[0])
        await opensNothing(daemon, sequencesOf(old)[0]!, mine!)
        const { key } = json(daemon, "bundle", "rotate", "--gateway-key")
        const both = await until(file, ({ keys }) => keys.length === 2)
        expect(both.bundle.keys).toEqual([key, old.bundle.keys[0]])
        expect(both.signatures).toHaveLength(2)
        expect(json(daemon, "user", "link", "anna")).toMatchObject({ key, known: true })
        expect(postern(daemon, "user", "link", "bert", "--qr")).toMatch(
            /^https:\/\/example\.org\/knock\/#postern=1[\s\S]*bert has no key here yet/,
        )
        json(daemon, "bundle", "rotate", "--gateway-key", "--grace", "0s")
        expect((await until(file, ({ keys }) => keys.length === 1 || keys[0] !== key)).bundle.keys).not.toContain(key)
        // As a command leaves it that is killed between the file and the daemon: whoever is told to go must go.
        rmSync(at("users.d/anna.toml"))
        expect(postern(daemon, "user", "remove", "anna")).toMatch(/was gone already/)
        expect(await eventually(() => !readdirSync(at("www")).includes(file))).toBe(true)
        expect(readdirSync(at("www"))).toHaveLength(3)
    })

    it("is restored from its configuration and gateway.keys: same addresses and key, and nothing old opens", async () => {
        const first = await start()
        const file = await addAnna(first)
        const old = await until(file, () => true)
        await opens(first, sequencesOf(old)[0]!)
        await first.stop()
        cpSync(join(at("state"), "gateway.keys"), at("backup"))
        rmSync(at("state"), { recursive: true })
        mkdirSync(at("state"), { mode: 0o700 })
        // As a careless hand puts it back: it is refused, and not replaced.
        cpSync(at("backup"), join(at("state"), "gateway.keys"))
        chmodSync(join(at("state"), "gateway.keys"), 0o644)
        const second = await start()
        await second.log.waitFor(/publish: no bundles are made: .*gateway\.keys: others can read it.*chmod 600/)
        chmodSync(join(at("state"), "gateway.keys"), 0o600)
        const next = await until(file, ({ serial }) => serial > old.bundle.serial)
        expect(next.bundle.keys).toEqual(old.bundle.keys)
        const all = sequencesOf(old).map((hits) => hits.join(" "))
        for (const hits of sequencesOf(next)) expect(all).not.toContain(hits.join(" "))
        await opensNothing(second, sequencesOf(old)[0]!, sequencesOf(next)[0]!)
        const again = await until(file, ({ doors }) => doors[0]!.sequences[0]!.counter === 1)
        await opensNothing(second, sequencesOf(old)[3]!, sequencesOf(again)[0]!)
    })

    it("opens its doors whatever becomes of its targets, and says which does not work", async () => {
        const daemon = await start(`
[[bundles.publish]]
directory = "${at("nowhere")}"
[[bundles.publish]]
run = ["/bin/sleep", "600"]
timeout = "10m"
`)
        const file = await addAnna(daemon)
        const bundle = await until(file, () => true)
        await opens(daemon, sequencesOf(bundle)[0]!)
        const next = await until(file, ({ doors }) => doors[0]!.sequences[0]!.counter === 1)
        await opens(daemon, sequencesOf(next)[0]!)
        const { publication } = json(daemon, "status")
        expect(publication.targets).toMatchObject([
            { name: `directory ${at("nowhere")}`, trouble: expect.stringContaining("not there") },
            { name: "run /bin/sleep", trouble: null, done: null },
            { name: `directory ${at("www")}`, trouble: null },
        ])
        mkdirSync(at("nowhere"))
        // Whoever does not want to wait for the next try.
        postern(daemon, "reload")
        expect(await eventually(() => readdirSync(at("nowhere")).length === 3)).toBe(true)
        await daemon.log.waitFor(/publish: directory .*nowhere: works again/)
    })

    it("works as docs/one-time.md says, word for word but for names and places", async () => {
        const page = readFileSync(join(import.meta.dirname, "../../docs/one-time.md"), "utf8")
        const toml = /```toml\n([\s\S]*?)```/.exec(page)![1]!
        const places = toml.replace("/var/lib/postern-web", at("www")).replace('["tcp/22"]', '["tcp/2222"]')
        const daemon = await lab.startDaemon(
            `[gateway]\nstate = "${at("state")}"\n${places.replace("[bundles]", `[bundles]\nusers = "${at("users.d")}"`)}`,
        )
        daemons.push(daemon)
        const other = await identityToRecipient(await generateIdentity())
        const mine = await identityToRecipient(identity)
        // `$ postern …` of the sessions, and what stands in tables; what comes behind blanks explains.
        const lines = [...page.matchAll(/^\$ postern (.*)$|\| `postern ([^`]*)`/gm)].map(
            ([, typed, cell]) => typed ?? cell!,
        )
        const done = lines
            .map((line) =>
                line
                    .replace(/ {2,}.*/, "")
                    .replace("https://git.example.org/anna.keys", mine)
                    .replace("age1…", other)
                    .split(" "),
            )
            .filter(([verb]) => verb !== "check")
            // Removing her comes last.
            .sort((a, b) => Number(a[1] === "remove") - Number(b[1] === "remove"))
        for (const words of done) expect(postern(daemon, ...words), words.join(" ")).not.toMatch(/\? \d+$/)
        expect(done.length).toBeGreaterThan(10)
        expect(lab.gateway.exec([POSTERN, "check", "--no-host", daemon.file]).status).toBe(0)
    })
})

describe("a gateway that publishes, with a disk", () => {
    it("of its web root that is full or read-only: doors open, what is there stays whole, it is told, and made good", async () => {
        const disk = await mount("www")
        const daemon = await start("", disk)
        const file = await addAnna(daemon)
        const root = disk.path()
        const bundle = await until(file, () => true, root)
        const names = readdirSync(root)
        disk.fill(0)
        await opens(daemon, sequencesOf(bundle)[0]!)
        await daemon.log.waitFor(/publish: directory .*www: the disk is full: make room: trying again/)
        expect(readdirSync(root).filter((name) => name !== "filler")).toEqual(names)
        expect((await published(file, root))?.signed).toBe(bundle.signed)
        expect(json(daemon, "status").publication.targets[0].trouble).toBe("the disk is full: make room")
        disk.fill(null)
        const next = await until(file, counterIs(1), root)
        await daemon.log.waitFor(/publish: directory .*www: works again/)
        disk.turnReadOnly()
        await opens(daemon, sequencesOf(next)[0]!)
        await daemon.log.waitFor(/publish: directory .*www: it is read-only: mount it writable/)
        expect((await published(file, root))?.signed).toBe(next.signed)
        await opens(daemon, sequencesOf(next)[1]!)
    })

    it("of its state that is full or read-only: nothing opens that it could not keep, it is told, and none opens twice", async () => {
        const disk = await mount("state")
        const daemon = await start("", disk)
        const file = await addAnna(daemon)
        const bundle = await until(file, () => true)
        const sequences = sequencesOf(bundle)
        disk.fill(0)
        // There is room in the journal, which was taken when it was made: only publishing needs more.
        await opens(daemon, sequences[0]!)
        await daemon.log.waitFor(/publish: no bundles are made: .*(ENOSPC|no space)/)
        expect((await published(file))?.signed).toBe(bundle.signed)
        disk.fill(null)
        await until(file, counterIs(1))
        disk.turnReadOnly()
        const before = openedBy(daemon)
        knock(sequences[1]!)
        await daemon.log.waitFor(/one-time: anna at ssh was not let in: /)
        knock(sequences[0]!)
        expect(openedBy(daemon)).toBe(before)
        expect(json(daemon, "status").publication.last.files).toBe(3)
    })
})
