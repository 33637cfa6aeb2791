/** firewall-cmd(1): a rich rule (firewalld.richlanguage(5)) that lets the knocker in. */
import type { Service } from "../../knock/hit.ts"
import { parseDuration } from "../../knock/language.ts"
import { isKnocker, type Understood, type Why, type Wider } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"

const program = "firewall-cmd"

/** Reads the words of a command; `start`: where its arguments begin. */
export function readFirewalld(words: readonly string[], start: number): Understood {
    const args = words.slice(start).flatMap((word) => /^(--[a-z-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word])
    let rule: { readonly adds: boolean; readonly text: string } | null = null
    let ms: number | null = null
    const zone: string[] = []
    while (args.length > 0) {
        const word = args.shift()!
        if (word === "-q" || word === "--quiet") continue
        const value = args.shift()
        // Not now, but from the next start of the firewall on.
        if (word === "--permanent") return { why: "later" }
        if (value === undefined) return { why: "word", program, word }
        if (word === "--zone") zone.push(value)
        else if (word === "--timeout") {
            const read = parseDuration(/^\d+$/.test(value) ? `${value}s` : value)
            if (!read.ok) return { why: "word", program, word: value }
            ms = read.value === 0 ? null : read.value
        } else if (word === "--add-rich-rule" && rule === null) rule = { adds: true, text: value }
        else if (word === "--remove-rich-rule" && rule === null) rule = { adds: false, text: value }
        else return { why: "word", program, word }
    }
    if (rule === null) return { why: "short", program }
    const wider = zone.map((name): Wider => ({ by: "zone", name }))
    const before = [...words.slice(0, start), ...zone.map((name) => `--zone=${name}`)].join(" ")
    const read = readRule(rule.text)
    if ("why" in read) return read
    const { port, protocol } = read
    const services = readServices(program, protocol, [port], "-")
    if ("why" in services) return services
    const admit = rule.adds
        ? `${before} --permanent --add-port=${port}/${protocol} && ${words.slice(0, start).join(" ")} --reload`
        : null
    return { move: rule.adds ? "add" : "remove", reach: { services, ms, admit, wider } }
}

/** The port that a rich rule opens to the knocker. */
function readRule(text: string): { readonly port: string; readonly protocol: Service["protocol"] } | Why {
    const words = text.split(/[ \t]+/).filter((word) => word !== "")
    const take = (word: string) => words[0] === word && words.shift() !== undefined
    const value = (key: string) => {
        const [, name, one] = /^([a-z]+)=["']?([^"']*)["']?$/.exec(words[0] ?? "") ?? []
        if (name !== key) return null
        words.shift()
        return one!
    }
    if (!take("rule")) return { why: "short", program }
    value("family")
    if (!take("source") || !isKnocker(value("address") ?? "")) return { why: "source" }
    let port: string | null = null
    let protocol: Service["protocol"] | null = "tcp"
    if (take("service")) {
        // Services are what the host's own files say: these two are one port each, everywhere.
        const name = value("name")
        port = name === "ssh" ? "22" : name === "http" ? "80" : null
        if (port === null) return { why: "word", program, word: name ?? "service" }
    } else if (take("port")) {
        port = value("port")
        protocol = readProtocol(value("protocol"))
    } else if (words[0] === "accept") return { why: "every-port" }
    if (port === null) return { why: "word", program, word: words[0] ?? "rule" }
    if (protocol === null) return { why: "protocol" }
    if (words[0] === "drop" || words[0] === "reject") return { why: "verdict", verdict: words[0] }
    if (!take("accept")) return { why: "word", program, word: words[0] ?? "port" }
    return words.length === 0 ? { port, protocol } : { why: "word", program, word: words[0]! }
}
