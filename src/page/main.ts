/** The page: what the person gives, what is shown, and what is done when a button is pressed. */

import { generateIdentity } from "../adapters/sealing/portable/generate.ts"
import { fileKinds, type IdentityRead, readIdentities, unsealerOf } from "../adapters/sealing/portable/identity.ts"
import { parseSigned } from "../core/one-time/bundle.ts"
import { type EnrolmentLink, formatLink, isGateway } from "../core/one-time/link.ts"
import {
    area,
    ask,
    button,
    byId,
    chosenText,
    closeQuestion,
    goOn,
    input,
    painted,
    plain,
    problem,
    write,
} from "./dom.ts"
import { fetchBundle } from "./fetching.ts"
import { knock, markSent, showNothing, showSession } from "./knocking.ts"
import { Memory } from "./memory.ts"
import { OpenPgpMissing } from "./openpgp.ts"
import { type Believed, Session } from "./session.ts"
import { linkOfAddress, readSource, type Source } from "./source.ts"
import { INSECURE, keyText, linkText, refusedText, sealedText } from "./texts.ts"
import { provideX25519 } from "./x25519.ts"

/** Ours: what is read of a file that is no bundle and no key. */
const FILE_MOST = 1 << 20

const memory = new Memory(storageOf())
let busy = false

start()

function start(): void {
    if (isFramed()) return
    provideX25519()
    if (location.protocol === "http:" && !isSecureContext) write("insecure", INSECURE)
    const link = linkOfAddress(location.href) ?? memory.word("link")
    if (link !== null) area("bundle").value = link
    area("key").value = memory.word("identity") ?? ""
    input("remember-key").checked = memory.word("identity") !== null
    showStates()
    for (const id of ["bundle", "key"]) area(id).addEventListener("input", showChange)
    for (const [id, target] of [
        ["bundle-file", "bundle"],
        ["key-file", "key"],
    ] as const) {
        input(id).addEventListener("change", () => {
            void chosenText(input(id), FILE_MOST).then((text) => {
                if (text === null) return
                area(target).value = text
                showChange()
            })
        })
    }
    // Another link of the same place, opened while this page is there, loads nothing anew.
    addEventListener("hashchange", () => {
        const other = linkOfAddress(location.href)
        if (other === null) return
        area("bundle").value = other
        showNothing()
        showChange()
    })
    on("open", open)
    on("knock", knock)
    on("used", markSent)
    on("anyway-yes", async () => goOn())
    on("make", makeKey)
    on("forget", async () => {
        memory.forget()
        for (const id of ["bundle", "key"]) area(id).value = ""
        for (const id of ["made", "made-help"]) write(id, "")
        input("remember-key").checked = false
        input("passphrase").value = ""
        showNothing()
        closeQuestion()
        showStates()
        area("bundle").focus()
    })
    input("passphrase").addEventListener("keydown", (event) => {
        if (event.key === "Enter") button("open").click()
    })
}

/**
 * Inside the page of somebody else, who could lay something over a button, nothing is shown. A policy in a page cannot
 * forbid that (CSP level 3, frame-ancestors), and not every web server sends one of its own.
 */
function isFramed(): boolean {
    if (globalThis.top === globalThis.self) return false
    document.body.textContent = "This page does not work inside another one: open it by itself."
    return true
}

/** One thing at a time: what is pressed meanwhile does nothing. */
function on(id: string, act: () => Promise<void>): void {
    button(id).addEventListener("click", () => {
        if (busy) return
        setBusy(true)
        act()
            .catch((error: unknown) => problem(error instanceof Error ? error.message : String(error)))
            .finally(() => setBusy(false))
    })
}

function setBusy(now: boolean): void {
    busy = now
    byId("doors", HTMLFieldSetElement).disabled = now
    for (const id of ["open", "make", "knock", "used", "forget", "anyway-yes"]) {
        if (now) button(id).setAttribute("aria-disabled", "true")
        else button(id).removeAttribute("aria-disabled")
    }
}

/** What was said and asked was about what the fields held before. */
function showChange(): void {
    closeQuestion()
    showStates()
}

/** What the fields hold, as far as can be said before anything is done. */
function showStates(): void {
    const bundle = area("bundle").value
    write("bundle-state", bundle.trim() === "" ? "" : sourceText(readSource(bundle)))
    write("key-state", "")
    plain("passphrase-row").hidden = true
    button("forget").hidden = memory.empty
    void showKey(area("key").value)
}

/** Asks for a passphrase if the key has one. */
async function showKey(text: string): Promise<void> {
    if (text.trim() === "") return
    const read = await readKeys(text, null)
    if (area("key").value !== text) return
    plain("passphrase-row").hidden = read.ok || read.code !== "passphrase-needed"
    write("key-state", read.ok ? "A private key." : keyText(read.code))
}

/** The keys of a text. Whoever has the page without the library for OpenPGP hears of that. */
async function readKeys(text: string, passphrase: string | null): Promise<IdentityRead | LibraryMissing> {
    try {
        return await readIdentities(new TextEncoder().encode(text), passphrase)
    } catch (error) {
        if (error instanceof OpenPgpMissing) return { ok: false, code: "library" }
        throw error
    }
}

type LibraryMissing = { readonly ok: false; readonly code: "library" }

function sourceText(source: Source | Parameters<typeof linkText>[0]): string {
    if (typeof source === "string") return linkText(source)
    if (source.from === "file") return "A bundle."
    const { gateway, knocker, url } = source.link
    return `A link of ${gateway} for ${knocker}: the bundle is fetched from ${new URL(url).host}.`
}

/** Decrypts, verifies and shows. */
async function open(): Promise<void> {
    showNothing()
    closeQuestion()
    memory.lasting = input("remember").checked
    const given = area("bundle").value
    if (given.trim() === "") return problem("Paste the enrolment link or the bundle first.", area("bundle"))
    const source = readSource(given)
    if (typeof source === "string") {
        write("bundle-state", "")
        return problem(linkText(source), area("bundle"))
    }
    write("key-state", "Opening the key…")
    await painted()
    const passphrase = input("passphrase").value
    const read = await readKeys(area("key").value, passphrase === "" ? null : passphrase)
    write("key-state", "")
    if (!read.ok) {
        const asked = read.code === "passphrase-needed" || read.code === "passphrase-wrong"
        if (asked) plain("passphrase-row").hidden = false
        return problem(keyText(read.code), asked ? input("passphrase") : area("key"))
    }
    write("bundle-state", source.from === "file" ? sourceText(source) : "Fetching…")
    const got =
        source.from === "file" ? { ok: true, ...source } : await fetchBundle(source.link, fileKinds(read.identities))
    write("bundle-state", sourceText(source))
    if (!got.ok) return problem(got.detail, area("bundle"))
    const unsealed = await unsealerOf(read.identities).unseal(got.file)
    if (!unsealed.ok) return problem(sealedText(unsealed), area(unsealed.code === "not-for-us" ? "key" : "bundle"))
    const believed = source.from === "link" ? newlyBelieved(source.link, unsealed.text) : believedOf(unsealed.text)
    if (believed === "ask") askForKey(unsealed.text, source)
    else if (believed !== null) openText(unsealed.text, believed, false, source)
}

/** Whoever sends a link to somebody who has one already must not be believed in silence in place of the operator. */
function newlyBelieved(link: EnrolmentLink, text: Uint8Array): Believed | "ask" {
    const kept = memory.kept(link.gateway, link.knocker)
    if (kept === null || kept.begun === link.key || kept.key === link.key) return link
    const read = parseSigned(new TextDecoder("latin1").decode(text))
    // What is not even signed by the new key is refused without a question.
    return read.ok && read.value.bundle.keys.includes(link.key) ? "ask" : link
}

function askForKey(text: Uint8Array, source: Source): void {
    if (source.from !== "link") return
    const { gateway, key } = source.link
    ask(
        `This link says that the key of ${gateway} is ${key}. This browser has believed another one so far. If the operator has not told you of a new key, somebody else has made this link.`,
        "It is the operator's key",
        () => openText(text, source.link, false, source),
    )
}

/** A key of this browser's own, for those who have none. One that is there already is not overwritten. */
async function makeKey(): Promise<void> {
    if (area("key").value.trim() !== "") return problem("There is a key already: empty its field first.", area("key"))
    const { identity, recipient } = await generateIdentity("age")
    area("key").value = identity
    input("remember-key").checked = true
    memory.setWord("identity", identity)
    showStates()
    write("made-help", "Give this line, which is no secret, to the operator. When it has been added, come back here.")
    write("made", recipient)
}

/** Whom to believe about a bundle that came without a link: who was believed before, or else the person is asked. */
function believedOf(text: Uint8Array): Believed | null {
    const read = parseSigned(new TextDecoder("latin1").decode(text))
    if (!read.ok) {
        problem(refusedText({ code: read.code, line: read.line }))
        return null
    }
    const { gateway, knocker, keys } = read.value.bundle
    // It becomes part of lines to type.
    if (!isGateway(gateway)) {
        problem(refusedText({ code: "shape", line: 1 }))
        return null
    }
    const kept = memory.kept(gateway, knocker)
    if (kept !== null) return { gateway, knocker, key: kept.begun }
    const key = keys[0] ?? ""
    ask(
        `This bundle says that it is from the gateway ${gateway}, for ${knocker}, signed with the key ${key}. This browser cannot tell whether that is so: compare the key with what the operator has given you.`,
        "It is the same key",
        () => openText(text, { gateway, knocker, key }, false, null),
    )
    return null
}

/** Verifies and shows. `late`: also if its time is over. */
function openText(text: Uint8Array, believed: Believed, late: boolean, source: Source | null): void {
    const opened = Session.open(text, believed, late ? null : Date.now(), memory)
    if (!opened.ok) {
        problem(refusedText(opened.refused))
        if (opened.refused.code === "expired")
            ask("If the clock of this device is wrong, the bundle may still be good.", "Go on", () =>
                openText(text, believed, true, source),
            )
        return
    }
    if (source?.from === "link") memory.setWord("link", formatLink(source.link))
    memory.setWord("identity", input("remember-key").checked ? area("key").value : null)
    showSession(opened.session, opened.first)
    button("forget").hidden = memory.empty
}

/** Null where the person has switched it off. */
function storageOf(): Storage | null {
    try {
        return localStorage
    } catch {
        return null
    }
}
