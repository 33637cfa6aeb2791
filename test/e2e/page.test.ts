/**
 * The page that knocks, in a real Chromium on the knocker, with bundles sealed to each kind of key, against a real daemon and
 * `postern web` on the gateway.
 */

import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { AxeResults } from "axe-core"
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { generateSigningKey } from "../../src/adapters/sealing/sign.ts"
import type { Bundle } from "../../src/core/one-time/bundle.ts"
import { makeCertificate } from "../lab/certificate.ts"
import { type Daemon, eventually, type Lab, makeLab, POSTERN } from "../lab/lab.ts"
import { collectLines } from "../lab/lines.ts"
import { oneTimeConfiguration } from "../lab/one-time.ts"
import { type KeyName, type KnockersKey, makeKey, sealedBundle } from "../lab/sealed.ts"

const KINDS: readonly KeyName[] = ["age", "age, post-quantum", "ssh-ed25519", "ssh-rsa", "OpenPGP"]
/** A door that opens by a fixed knock, for bundles of our own making; the other one has one-time sequences. */
const PORTS = [20_000, 15_000, 30_000, 12_345]

const configuration = (gateway: string, root: string) => `
${oneTimeConfiguration({ gateway, users: "users.d", url: `https://${gateway}:8080/`, directory: root, hide: false })}
[[door]]
name  = "fixed"
opens = ["tcp/22"]
for   = "1s"
  [door.sequence]
  hits   = ${JSON.stringify(PORTS.map(String))}
  within = "15s"
`

const signing = generateSigningKey()
const signer = Buffer.from(signing.key).toString("base64")
const keys = new Map<KeyName, KnockersKey>()
let lab: Lab<"knocker">
let daemon: Daemon
let browser: Browser
let context: BrowserContext
let file: string
/** Of all pages: what their policy kept them from, and errors. */
const troubles: string[] = []
const outside: string[] = []

/** A bundle of our own making, for the fixed door; the knocker has an age key. */
function bundleOf(change: Partial<Bundle> = {}): Bundle {
    const made = Math.floor(Date.now() / 1000) * 1000
    const hits = PORTS.map((port) => ({ protocol: "tcp", port }) as const)
    const sequences = [0, 1, 2].map((counter) => ({ counter, hits }))
    const door = { name: "fixed", opens: [{ protocol: "tcp", port: 22 }], within: 15_000, sequences } as const
    const times = { serial: 7, made, until: made + 86_400_000 }
    return { gateway: lab.gateway.v4, knocker: "made-up", ...times, keys: [signer], doors: [door], ...change }
}

const sealed = (change: Partial<Bundle> = {}, by = signing, kind: KeyName = "age") =>
    sealedBundle(bundleOf(change), by, keys.get(kind)!.recipient)
/** Each key is another knocker's. */
const knockerOf = (kind: KeyName) => kind.replaceAll(/\W+/g, "-")

/** The link as the operator gives it. */
function linkOf(kind: KeyName): string {
    const told = ["-c", daemon.file, "--socket", daemon.socket]
    return /^https:\S+$/m.exec(lab.gateway.must([POSTERN, "user", "link", knockerOf(kind), ...told]))![0]
}

/** The same, and the page that it opens, without https. */
const plainly = (kind: KeyName) => linkOf(kind).replace("https:", "http:").replace(":8080", ":8081")

async function pageAt(url: string): Promise<Page> {
    const page = await context.newPage()
    page.on("console", (message) => {
        if (/Content Security|TrustedScript|Trusted Type/i.test(message.text())) troubles.push(message.text())
    })
    page.on("pageerror", (error) => troubles.push(error.message))
    page.on("request", (request) => outside.push(request.url()))
    await page.goto(url)
    return page
}

/** Opens the bundle of this kind as a person does. */
async function openBundle(page: Page, kind: KeyName, bundle: string | null): Promise<void> {
    const { secret, passphrase } = keys.get(kind)!
    if (bundle !== null) await page.getByLabel("Enrolment link").fill(bundle)
    await page.getByLabel("Private key").fill(secret)
    if (passphrase !== "") await page.getByLabel("Passphrase").fill(passphrase)
    await page.getByRole("button", { name: "Show the next knock" }).click()
}

const heading = (page: Page) => page.getByRole("heading", { name: "3. Knock" })
const problem = (page: Page) => page.getByRole("alert")

/** Everybody can use it as it is now, on a small phone. */
async function look(page: Page): Promise<void> {
    await page.setViewportSize({ width: 320, height: 640 })
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"))
    const found = await page.evaluate<AxeResults>("axe.run()")
    expect(found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
    expect(found.passes.map(({ id }) => id)).toContain("color-contrast")
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(320)
}

beforeAll(async () => {
    lab = makeLab(["knocker"])
    const { gateway, scratch, hosts } = lab
    const [root, users] = [join(scratch, "root"), join(scratch, "users.d")] as const
    for (const folder of [root, users]) mkdirSync(folder)
    for (const kind of KINDS) {
        const key = await makeKey(kind, scratch)
        keys.set(kind, key)
        writeFileSync(join(users, `${knockerOf(kind)}.toml`), `keys = [${JSON.stringify(key.recipient.text)}]\n`)
    }
    daemon = await lab.startDaemon(configuration(gateway.v4, root))
    const [cert, key] = [join(scratch, "cert.pem"), join(scratch, "key.pem")]
    makeCertificate("gateway", { cert, key })
    const tls = ["--cert", cert, "--key", key]
    const serve = async (port: number, ...more: readonly string[]) => {
        const place = ["--listen", `${gateway.v4}:${port}`, "--page", "/"]
        const child = gateway.start([POSTERN, "web", root, ...place, ...more])
        const log = collectLines(child, child.stderr!)
        await log.waitFor(/ serves /)
        return log.all.some((line) => line.includes("the page comes by plain http"))
    }
    expect([await serve(8080, ...tls), await serve(8081)]).toEqual([false, true])
    expect(await eventually(() => readdirSync(root).length === KINDS.length)).toBe(true)
    file = `file://${join(POSTERN, "../dist/knock.html")}`
    const wrapper = join(scratch, "chromium-on-knocker")
    writeFileSync(wrapper, `#!/bin/sh\nexec ${hosts.knocker.inside(["chromium"]).join(" ")} "$@"\n`)
    chmodSync(wrapper, 0o755)
    browser = await chromium.launch({ executablePath: wrapper, args: ["--no-sandbox"] })
    context = await browser.newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(8000)
})

afterAll(async () => {
    await browser?.close()
    await daemon?.stop()
    lab?.remove()
})

describe("the page", () => {
    it("knocks at ports that say nothing by one SYN each, also when the browser has come to slow it down", async () => {
        const { gateway } = lab
        gateway.must([
            "nft",
            "table inet quiet { chain c { type filter hook input priority 0; tcp dport 12000-30000 drop; }; }",
        ])
        gateway.must([
            "nft",
            "table inet count { counter syn { }; chain c { type filter hook prerouting priority -400; tcp dport 12000-30000 tcp flags syn counter name syn; }; }",
        ])
        try {
            const page = await pageAt(file)
            const bundle = await sealed({ knocker: "quiet" })
            const counted = () =>
                Number(/packets (\d+)/.exec(gateway.must(["nft", "list", "counter", "inet", "count", "syn"]))![1])
            const knock = async () => {
                const from = daemon.log.all.length
                await page.getByRole("button", { name: "Knock", exact: true }).click()
                await daemon.log.waitFor(/fixed: 10\.77\.0\.2: open/, { from })
                await page.getByText("Nothing came back: a firewall").waitFor()
            }
            await openBundle(page, "age", bundle)
            await page.getByRole("button", { name: "It is the same key" }).click()
            await knock()
            expect(counted()).toBe(4)
            // Browsers slow WebSockets down that fail: from the ninth on it is done without them.
            await page.evaluate(
                "sessionStorage.setItem('postern 1 sockets', JSON.stringify(Array(8).fill(Date.now())))",
            )
            await knock()
            await page.close()
        } finally {
            for (const table of ["quiet", "count"]) gateway.exec(["nft", "delete", "table", "inet", table])
        }
    })

    it.each(KINDS)("decrypts with a key of the kind %s, and its knock opens a door", async (kind) => {
        const from = daemon.log.all.length
        // Both ways to have it: from a server beside the bundles, where the address is the link, and from a disk.
        const served = kind === "OpenPGP" || kind === "age, post-quantum"
        const link = linkOf(kind)
        const page = await pageAt(served ? link : file)
        await openBundle(page, kind, served ? null : link)
        await heading(page).waitFor()
        const lines = () => page.locator("#lines").textContent()
        const first = await lines()
        expect(first).toMatch(/^(nc -z -w 1 10\.77\.0\.1 \d+\n?){4}$/)
        await page.getByRole("button", { name: "Knock", exact: true }).click()
        await daemon.log.waitFor(new RegExp(`ssh: 10\\.77\\.0\\.2.*${knockerOf(kind)}.*open`), { from })
        await page.getByText("All hits arrived.").waitFor()
        // The next one is shown now, also when the page is opened anew and fetches the new bundle.
        const next = await lines()
        expect(next).not.toBe(first)
        await page.reload()
        await openBundle(page, kind, null)
        await heading(page).waitFor()
        expect(await lines()).toBe(next)
        expect(await page.evaluate<string>('Object.values(localStorage).join(" ")')).not.toMatch(/PRIVATE|SECRET/)
        await page.close()
    })

    it("says above the key that it came without https, and opens there what needs no WebCrypto", async () => {
        for (const kind of ["age", "ssh-ed25519"] as const) {
            const page = await pageAt(plainly(kind))
            expect(await page.evaluate("isSecureContext")).toBe(false)
            const [warning, field] = [page.getByText("This page came without https"), page.getByLabel("Private key")]
            const [above, below] = [await warning.boundingBox(), await field.boundingBox()]
            expect(above!.y + above!.height).toBeLessThan(below!.y)
            await openBundle(page, kind, null)
            await heading(page).waitFor()
            expect(await page.locator("#lines").textContent()).toMatch(/^(nc -z -w 1 10\.77\.0\.1 \d+\n?){4}$/)
            await page.close()
        }
        const page = await pageAt(plainly("age"))
        await page.getByText("No key yet?").click()
        await page.getByRole("button", { name: "Make a key" }).click()
        await page.getByText(/^age1[0-9a-z]{58}$/).waitFor()
        await look(page)
        for (const kind of ["ssh-rsa", "OpenPGP"] as const) {
            await page.getByLabel("Private key").fill(keys.get(kind)!.secret)
            await page.locator("#key-state").getByText("Browsers open RSA and OpenPGP keys only in pages").waitFor()
        }
        await page.getByRole("button", { name: "Forget" }).click()
        await page.close()
    })

    it("takes the link of its address, another one that comes later, and one that a mail has broken", async () => {
        const page = await pageAt(`${file}#${linkOf("age")}`)
        const says = (kind: KeyName) => page.getByText(`A link of ${lab.gateway.v4} for ${knockerOf(kind)}:`).waitFor()
        await says("age")
        await openBundle(page, "age", null)
        await heading(page).waitFor()
        await page.goto(`${file}#${linkOf("ssh-rsa")}`)
        await says("ssh-rsa")
        expect(await heading(page).isVisible()).toBe(false)
        await page.getByLabel("Enrolment link").fill(` ${linkOf("OpenPGP").replaceAll(/.{60}/g, "$&\n")} `)
        await says("OpenPGP")
        await page.close()
    })

    it("says why it has no bundle, and which key would do", async () => {
        const page = await pageAt(file)
        const says = async (link: string, kind: KeyName, wanted: RegExp) => {
            await openBundle(page, kind, link)
            await problem(page).filter({ hasText: wanted }).waitFor()
        }
        const link = linkOf("age")
        await says(linkOf("OpenPGP"), "age", /no bundle for age or SSH keys, but for OpenPGP keys: give that key/)
        await says(link, "age, post-quantum", /no bundle for post-quantum age keys, but for age or SSH keys/)
        await says(link.replace(/place=.{8}/, "place=aaaaaaaa"), "age", /Ask the operator whether your key has been/)
        await says(
            link.replace(":8080", ":8082"),
            "age",
            /cannot be reached, or .* certificate, .* Open https:\S+8082\/[a-z2-7]{32} /,
        )
        for (const cut of [link.slice(0, -1), link.slice(0, -60), link.slice(0, link.indexOf("#"))])
            await says(cut, "age", /This link is not complete: copy all of it/)
        await says(" ", "age", /Paste the enrolment link or the bundle first/)
        await says(await sealed(), "OpenPGP", /it is encrypted to keys of age or SSH/)
        await page.close()
    })

    it("says why a bundle is refused", async () => {
        const page = await pageAt(file)
        const refusal = async (bundle: string, wanted: RegExp) => {
            await openBundle(page, "age", bundle)
            await problem(page).filter({ hasText: wanted }).waitFor()
            expect(await heading(page).isVisible()).toBe(false)
        }
        await openBundle(page, "age", await sealed())
        await page.getByRole("button", { name: "It is the same key" }).click()
        await heading(page).waitFor()
        await refusal(await sealed({ serial: 6 }), /older than one this browser has seen/)
        await refusal(await sealed({ until: 0 }), /Another bundle with the same number/)
        await refusal(await sealed({ serial: 8, until: Date.UTC(2020) }), /was good until/)
        await refusal(await sealed({ serial: 8 }, generateSigningKey()), /is not signed by the gateway you know/)
        await refusal(await sealed({}, signing, "ssh-rsa"), /not encrypted to this key\. Give the key whose/)
        await refusal((await sealed()).replace(/\n.{64}\n/, "\n"), /damaged/)
        // By a link to the same place, of another gateway.
        const elsewhere = linkOf("age").replace(/&key=[^&]*/, `&key=${Buffer.from(signing.key).toString("base64url")}`)
        await refusal(elsewhere, /is not signed by the gateway you know/)
        await refusal("hello", /neither an enrolment link nor a bundle/)
        await page.getByLabel("Private key").fill("ssh-ed25519 AAAA")
        await page.getByText(/This is a public key/).waitFor()
        await page.close()
    })

    it("asks before it believes a bundle that came without a link", async () => {
        const page = await pageAt(file)
        await openBundle(page, "age", await sealed({ knocker: "otto" }))
        const question = page.getByText(`signed with the key ${signer}`)
        await question.waitFor()
        expect(await heading(page).isVisible()).toBe(false)
        // It was about what was there before.
        await page.getByLabel("Enrolment link").fill("another")
        expect(await question.isVisible()).toBe(false)
        await openBundle(page, "age", await sealed({ knocker: "otto" }))
        await page.getByRole("button", { name: "It is the same key" }).click()
        await heading(page).waitFor()
        await page.close()
    })

    it("asks before a link takes the place of the one that was believed", async () => {
        const page = await pageAt(file)
        const stranger = generateSigningKey()
        const open = async (by: typeof signing, serial: number) => {
            const key = Buffer.from(by.key)
            const body = await sealed({ knocker: "linked", keys: [key.toString("base64")], serial }, by)
            const headers = { "access-control-allow-origin": "*" }
            await page.route(/:8080\/[a-z2-7]{32}$/, (route) => route.fulfill({ body, headers }), { times: 1 })
            const place = "a".repeat(32)
            const { v4 } = lab.gateway
            await openBundle(
                page,
                "age",
                `https://${v4}:8080/#postern=1&gateway=${v4}&knocker=linked&key=${key.toString("base64url")}&place=${place}`,
            )
        }
        await open(signing, 7)
        await heading(page).waitFor()
        await open(stranger, 8)
        await page.getByText("somebody else has made this link").waitFor()
        expect(await heading(page).isVisible()).toBe(false)
        // Nothing of it is believed before the person says so.
        await open(signing, 9)
        await heading(page).waitFor()
        await open(stranger, 8)
        await page.getByRole("button", { name: "It is the operator's key" }).click()
        await heading(page).waitFor()
        await page.close()
    })

    it("takes no gateway's name that would be an option in the lines to type", async () => {
        const page = await pageAt(file)
        await openBundle(page, "age", await sealed({ gateway: "-eid" }))
        await problem(page).filter({ hasText: "This bundle is damaged" }).waitFor()
        await page.close()
    })

    it("shows nothing inside the page of somebody else", async () => {
        const frame = join(lab.scratch, "frame.html")
        writeFileSync(frame, `<!doctype html><iframe src="${file}"></iframe>`)
        const page = await pageAt(`file://${frame}`)
        const inside = page.frameLocator("iframe")
        await inside.getByText("does not work inside another one").waitFor()
        expect(await inside.locator("textarea, button").count()).toBe(0)
        await page.close()
    })

    it("shows the lines of hits that no browser can send", async () => {
        const page = await pageAt(file)
        const hits = [
            { protocol: "tcp", port: 20_000 },
            { protocol: "udp", port: 20_001 },
            { protocol: "icmp", port: 300 },
        ] as const
        const door = { name: "mixed", opens: [], within: 15_000, sequences: [{ counter: 0, hits }] }
        await openBundle(page, "age", await sealed({ knocker: "mixed", doors: [door] }))
        await page.getByRole("button", { name: "It is the same key" }).click()
        await page.getByText("A browser cannot send UDP packets and pings").waitFor()
        expect(await page.locator("#lines").textContent()).toBe(
            "nc -z -w 1 10.77.0.1 20000\necho | nc -u -w 1 10.77.0.1 20001\nping -c 1 -s 300 10.77.0.1",
        )
        expect(await page.getByRole("button", { name: "Knock", exact: true }).isVisible()).toBe(false)
        await page.close()
    })

    it("says what an OpenPGP key needs when the library is not beside it", async () => {
        const alone = join(lab.scratch, "alone.html")
        writeFileSync(alone, readFileSync(new URL(file)))
        const page = await pageAt(`file://${alone}`)
        await page.getByLabel("Private key").fill(keys.get("OpenPGP")!.secret)
        await page.getByText("need the file knock-openpgp.js").waitFor()
        await page.close()
    })

    it.each(["light", "dark"] as const)("is accessible, %s, and fits a small phone", async (colorScheme) => {
        const page = await pageAt(file)
        await page.emulateMedia({ colorScheme })
        await look(page)
        await page.getByLabel("Enrolment link").fill("knock")
        await page.getByRole("button", { name: "Show the next knock" }).click()
        expect(await problem(page).textContent()).toContain("neither an enrolment link")
        // Beside the field that it leads to: both are seen.
        for (const one of [problem(page), page.getByLabel("Enrolment link")]) {
            const { y, height } = (await one.boundingBox())!
            expect(y >= 0 && y + height <= 640).toBe(true)
        }
        await look(page)
        await openBundle(page, "age", await sealed({ knocker: colorScheme }))
        await page.getByText("compare the key").waitFor()
        await look(page)
        await page.getByRole("button", { name: "It is the same key" }).click()
        await heading(page).waitFor()
        await page.getByText("By hand, from another device").click()
        await look(page)
        await page.close()
    })

    it("never takes a knock that another page of the browser has taken", async () => {
        const pages = [await pageAt(file), await pageAt(file)]
        const bundle = await sealed({ knocker: "twice" })
        for (const page of pages) {
            await page.bringToFront()
            await openBundle(page, "age", bundle)
            if (page === pages[0]) await page.getByRole("button", { name: "It is the same key" }).click()
            await heading(page).waitFor()
        }
        // Not by the mouse, which only the page in front would feel.
        await Promise.all(pages.map((page) => page.evaluate("document.getElementById('used').click()")))
        for (const page of pages) await page.getByText("This knock is marked as sent").waitFor({ state: "attached" })
        await pages[0]!.evaluate("document.getElementById('used').click()")
        await pages[0]!.getByText("It was the last one of this bundle: get a new bundle").waitFor({ state: "attached" })
        const kept = await pages[0]!.evaluate<string>('localStorage.getItem("postern 1 knocker 10.77.0.1 twice")')
        const { tried }: { readonly tried: Record<string, number> } = JSON.parse(kept)
        expect(Object.values(tried)).toEqual([1, 1, 1])
        for (const page of pages) await page.close()
    })

    it("makes a key for who has none, keeps it, and forgets all of it when asked", async () => {
        const page = await pageAt(file)
        const stored = () => page.evaluate<string>('Object.values(localStorage).join(" ")')
        const key = () => page.getByLabel("Private key").inputValue()
        await page.getByText("No key yet?").click()
        await page.getByRole("button", { name: "Make a key" }).click()
        await page.getByText(/^age1[0-9a-z]{58}$/).waitFor()
        const made = await key()
        expect(made).toMatch(/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/)
        expect(await stored()).toContain(made)
        await page.reload()
        expect(await key()).toBe(made)
        await page.getByRole("button", { name: "Forget" }).click()
        expect([await key(), await stored()]).toEqual(["", ""])
        await page.close()
    })

    it("can be used with the keyboard alone", async () => {
        const page = await pageAt(file)
        const focused = () => page.evaluate<string>("document.activeElement.id")
        const seen: string[] = []
        for (let n = 0; n < 8; n++) {
            await page.keyboard.press("Tab")
            seen.push(await focused())
        }
        expect(seen).toEqual(["bundle", "bundle-file", "key", "key-file", "remember", "remember-key", "", "open"])
        await page.locator("#bundle").fill(await sealed({ knocker: "keyboard" }))
        await page.locator("#key").fill(keys.get("age")!.secret)
        await page.locator("#open").focus()
        await page.keyboard.press("Enter")
        await page.getByText("compare the key").waitFor()
        expect(await focused()).toBe("anyway-yes")
        await page.keyboard.press("Enter")
        await heading(page).waitFor()
        expect(await focused()).toBe("knock-title")
        await page.keyboard.press("Tab")
        expect(await focused()).toBe("door-0")
        await page.keyboard.press("Tab")
        expect(await focused()).toBe("knock")
        await page.close()
    })

    it("breaks no rule of its own policy, and asks nobody but the gateway", async () => {
        expect(troubles).toEqual([])
        const page = await pageAt(file)
        await expect(page.evaluate("document.body.innerHTML = 'x'")).rejects.toThrow(/TrustedHTML/)
        await expect(
            page.evaluate("document.body.append(Object.assign(document.createElement('script'), { src: 'x.js' }))"),
        ).rejects.toThrow(/TrustedScriptURL/)
        await expect(page.evaluate("document.body.setAttribute('onclick', 'x()')")).rejects.toThrow(/TrustedScript/)
        await page.close()
        const hosts = outside.filter((url) => !/^(file|data):/.test(url)).map((url) => new URL(url).hostname)
        expect(new Set(hosts)).toEqual(new Set([lab.gateway.v4]))
    })
})
