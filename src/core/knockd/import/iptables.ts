/** iptables(8), ip6tables(8): one rule of a chain that lets the knocker in. */
import { isKnocker, type Understood, type Wider, whyNotInput } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"
import { quoted } from "./words.ts"

/** Long options with one value, by the short ones that they stand for. */
const LONG: ReadonlyMap<string, string> = new Map([
    ["--append", "-A"],
    ["--insert", "-I"],
    ["--delete", "-D"],
    ["--source", "-s"],
    ["--src", "-s"],
    ["--protocol", "-p"],
    ["--proto", "-p"],
    ["--match", "-m"],
    ["--jump", "-j"],
    ["--in-interface", "-i"],
    ["--table", "-t"],
    ["--destination-port", "--dport"],
    ["--destination-ports", "--dports"],
    ["--state", "--ctstate"],
])

/** Options that may stand once each. */
const ONCE = ["-A", "-I", "-D", "-s", "-p", "-j", "-i", "-t", "--dport", "--dports", "--ctstate", "--comment"]
const MATCHES = ["tcp", "udp", "conntrack", "state", "comment", "multiport"]
const STATES = ["NEW", "ESTABLISHED", "RELATED"]

/** Reads the words of a command; `start`: where its arguments begin. */
export function readIptables(words: readonly string[], start: number): Understood {
    const program = "iptables"
    const seen = new Map<string, string>()
    /** What stays if the rule is for everybody. */
    const everybody = words.slice(0, start)
    const args = words.slice(start).flatMap((word) => /^(--[a-z-]+)=(.*)$/s.exec(word)?.slice(1) ?? [word])
    for (let at = 0; at < args.length; ) {
        const first = at
        const word = args[at++]!
        const option = LONG.get(word) ?? word
        if (/^(-w\d*|--wait)$/.test(option)) {
            if (/^\d+$/.test(args[at] ?? "")) at++
        } else if (option === "-m") {
            const match = args[at++]
            if (match === undefined || !MATCHES.includes(match)) return { why: "word", program, word: match ?? word }
        } else if (option === "--syn") {
            // New connections alone: what a grant is for.
        } else if (ONCE.includes(option)) {
            const value = args[at++]
            if (value === undefined || seen.has(option)) return { why: "word", program, word }
            seen.set(option, value)
            if (option === "-I" && /^\d+$/.test(args[at] ?? "")) at++
        } else return { why: "word", program, word }
        if (option !== "-s") everybody.push(...args.slice(first, at))
    }

    const table = seen.get("-t") ?? "filter"
    if (table !== "filter") return { why: "word", program, word: table }
    const acts = ["-A", "-I", "-D"].filter((option) => seen.has(option))
    const verdict = seen.get("-j")
    if (acts.length !== 1 || verdict === undefined) return { why: "short", program }
    if (verdict !== "ACCEPT") return { why: "verdict", verdict }
    const chain = whyNotInput(seen.get(acts[0]!)!)
    if (chain !== null) return chain
    if (!isKnocker(seen.get("-s") ?? "")) return { why: "source" }
    for (const state of [seen.get("--ctstate") ?? "NEW"].flatMap((list) => list.split(","))) {
        if (!STATES.includes(state)) return { why: "word", program, word: state }
    }
    if (!(seen.get("--ctstate") ?? "NEW").split(",").includes("NEW")) return { why: "word", program, word: "state" }

    const [one, several] = [seen.get("--dport"), seen.get("--dports")]
    if (one !== undefined && several !== undefined) return { why: "word", program, word: "--dports" }
    if (one === undefined && several === undefined) return { why: "every-port" }
    const protocol = readProtocol(seen.get("-p") ?? null)
    if (protocol === null) return { why: "protocol" }
    const services = readServices(program, protocol, one === undefined ? several!.split(",") : [one], ":")
    if ("why" in services) return services
    const adds = acts[0] !== "-D"
    const admit = adds ? everybody.map(quoted).join(" ") : null
    const name = seen.get("-i")
    const wider: Wider[] = name === undefined ? [] : [{ by: "interface", name }]
    return { move: adds ? "add" : "remove", reach: { services, ms: null, admit, wider } }
}
