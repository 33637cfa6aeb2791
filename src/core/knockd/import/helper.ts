/** The script that knockd's packages bring with them, knock_helper_ipt.sh, which their sample calls knock_add: one rule. */
import { isKnocker, type Understood, whyNotInput } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"

const VALUES: ReadonlyMap<string, string> = new Map([
    ["-f", "-f"],
    ["--srcaddr", "-f"],
    ["-d", "-d"],
    ["--dstport", "-d"],
    ["-p", "-p"],
    ["--proto", "-p"],
    ["-c", "-c"],
    ["--chain", "-c"],
])
const ACTS: ReadonlyMap<string, "-A" | "-I" | "-D"> = new Map([
    ["-a", "-A"],
    ["--append", "-A"],
    ["-i", "-I"],
    ["--insert", "-I"],
    ["-x", "-D"],
    ["--delete", "-D"],
])

/** Reads the words of a command; `start`: where its arguments begin. */
export function readHelper(words: readonly string[], start: number): Understood {
    const program = words[start - 1]!
    const seen = new Map<string, string>()
    const args = words.slice(start)
    let act: "-A" | "-I" | "-D" | null = null
    while (args.length > 0) {
        const word = args.shift()!
        const option = VALUES.get(word)
        const value = option === undefined ? undefined : args.shift()
        if (ACTS.has(word) && act === null) act = ACTS.get(word)!
        else if (option !== undefined && value !== undefined && !seen.has(option)) seen.set(option, value)
        else if (word !== "-v" && word !== "--verbose") return { why: "word", program, word }
    }
    if (act === null) return { why: "short", program }
    const name = seen.get("-c") ?? "INPUT"
    const chain = whyNotInput(name)
    if (chain !== null) return chain
    if (!isKnocker(seen.get("-f") ?? "")) return { why: "source" }
    const protocol = readProtocol(seen.get("-p") ?? "tcp")
    const port = seen.get("-d")
    if (port === undefined) return { why: "every-port" }
    if (protocol === null) return { why: "protocol" }
    const services = readServices(program, protocol, [port], ":")
    if ("why" in services) return services
    const admit = act === "-D" ? null : `iptables ${act} ${name} -p ${protocol} --dport ${port} -j ACCEPT`
    return { move: act === "-D" ? "remove" : "add", reach: { services, ms: null, admit, wider: [] } }
}
