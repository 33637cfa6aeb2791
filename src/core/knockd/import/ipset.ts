/** ipset(8): an element that names the service, too (`hash:ip,port`). Of a set of addresses alone nobody knows what it opens. */
import { isKnocker, type Understood } from "./move.ts"
import { readProtocol, readServices } from "./ports.ts"

/** Reads the words of a command; `start`: where its arguments begin. */
export function readIpset(words: readonly string[], start: number): Understood {
    const program = "ipset"
    const args = words.slice(start).filter((word) => !["-!", "-exist", "--exist", "-q", "-quiet"].includes(word))
    const [verb = "", set, entry, ...more] = args
    const adds = ["add", "-A", "--add"].includes(verb)
    if (!adds && !["del", "-D", "--del"].includes(verb)) return { why: "word", program, word: verb }
    if (set === undefined || entry === undefined) return { why: "short", program }
    let ms: number | null = null
    while (more.length > 0) {
        const [word, value] = more.splice(0, 2)
        if (value === undefined || (word !== "timeout" && word !== "comment")) {
            return { why: "word", program, word: word! }
        }
        if (word === "comment") continue
        if (!/^\d{1,9}$/.test(value)) return { why: "word", program, word: value }
        // 0: never.
        ms = Number(value) === 0 ? null : Number(value) * 1000
    }
    const [address = "", port, ...rest] = entry.split(",")
    if (!isKnocker(address)) return { why: "source" }
    if (port === undefined || rest.length > 0) return { why: "set", set }
    const [first, second] = port.split(":")
    const protocol = second === undefined ? "tcp" : readProtocol(first!)
    if (protocol === null) return { why: "protocol" }
    const services = readServices(program, protocol, [second ?? first!], "-")
    if ("why" in services) return services
    return { move: adds ? "add" : "remove", reach: { services, ms, admit: null, wider: [] } }
}
