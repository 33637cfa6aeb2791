/** Echoes on addresses of a namespace, and who asks them: by TCP and by UDP. */
import { eventually, type Host } from "./lab.ts"
import { collectLines } from "./lines.ts"
import type { Namespace } from "./namespace.ts"

/** Echoes by TCP, which resets when told `reset`, and by UDP on these, such as `10.77.3.200 22` or `fd77:3::c8 53`, until the namespace goes. */
export async function startEchoes(host: Namespace, places: readonly string[]): Promise<void> {
    host.start([process.execPath, "-e", SERVE, ...places], { stdio: "ignore" })
    const listen = (place: string) => {
        const [address, port] = place.split(" ")
        const filter = `src ${address!.includes(":") ? `[${address}]` : address} and sport = :${port}`
        return ["t", "u"].every((kind) => host.exec(["ss", `-Hln${kind}`, filter]).stdout !== "")
    }
    if (!(await eventually(() => places.every(listen)))) throw new Error("nobody echoes")
}

const SERVE = `
for (const place of process.argv.slice(1)) {
    const [address, port] = place.split(" ")
    const reset = (socket) => (line) => String(line) === "reset\\n" && socket.resetAndDestroy()
    require("node:net").createServer((s) => s.on("error", () => {}).on("data", reset(s)).pipe(s)).listen(Number(port), address)
    const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4")
    socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address)).bind(Number(port), address)
}`

/** What is heard of one question by UDP: `answer`, or the error that a socket sees, or `silent`. */
export async function askUdp(host: Namespace, address: string, port: number): Promise<string> {
    const { stdout } = await host.run([process.execPath, "-e", ASK, address, String(port)])
    return stdout.trim()
}

// Asks more than once: a question may be lost where a connection is only just tracked.
const ASK = `
const [address, port] = process.argv.slice(1)
const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4")
const end = (text) => { console.log(text); process.exit() }
socket.on("error", (error) => end(error.code)).on("message", () => end("answer"))
socket.connect(Number(port), address, () => { socket.send("hello"); setInterval(() => socket.send("hello"), 300) })
setTimeout(() => end("silent"), 3000)`

/** A conversation that stays: lines that come back. */
export type Session = { readonly say: (line: string) => Promise<string>; readonly end: () => void }

/** Begins one by TCP, or, with the same source port for all of it, by UDP. */
export function openSession(host: Namespace, address: string, port: number, protocol: "tcp" | "udp" = "tcp"): Session {
    const argv = ["nc", "-n", ...(protocol === "udp" ? ["-u"] : []), address, String(port)]
    const child = host.start(argv, { stdio: ["pipe", "pipe", "ignore"] })
    const lines = collectLines(child, child.stdout!)
    child.stdin!.on("error", () => {})
    return {
        say(line) {
            child.stdin!.write(`${line}\n`)
            return lines.waitFor(new RegExp(`^${line}$`))
        },
        end: () => void child.kill(),
    }
}

/**
 * How this port answers a stranger, as far as it says who answers: a SYN with a DSCP, or a UDP question. Of the answer all
 * of the IP header and of TCP or ICMP that is no number of this packet alone; of an IPv6 flow label, whether there is one.
 */
export async function answerOf(from: Host, address: string, port: number, protocol: "tcp" | "udp"): Promise<string> {
    // What an ICMP error quotes: the header of IP, and the port that was asked.
    const icmp = address.includes(":")
        ? `icmp6[0] == 1 and icmp6[50:2] == ${port}`
        : `icmp[0] == 3 and icmp[30:2] == ${port}`
    const filter = `src host ${address} and ((${icmp}) or (${protocol} and src port ${port}))`
    const dump = from.start(["tcpdump", "-l", "-n", "-v", "-c", "1", "-i", "eth0", filter])
    const ready = collectLines(dump, dump.stderr!)
    const heard = collectLines(dump, dump.stdout!)
    const ended = new Promise<void>((resolve) => void dump.once("close", () => resolve()))
    try {
        await ready.waitFor(/listening on/)
        if (protocol === "udp") await askUdp(from, address, port)
        else await from.run(["nc", "-z", "-n", "-w", "1", "-T", "0xb8", address, String(port)])
        const patience = setTimeout(() => dump.kill(), 1000)
        await ended
        clearTimeout(patience)
    } finally {
        dump.kill()
    }
    return heard.all
        .join(" ")
        .replace(/^[\d:.]+ /, "")
        .replaceAll(new RegExp(`\\b${port}\\b`, "g"), "PORT")
        .replaceAll(/flowlabel 0x(?!0+\b)[0-9a-f]+/g, "flowlabel")
        .replaceAll(/cksum \S+ \(.*?\)/g, "cksum")
        .replaceAll(/\b(id|seq|ack) (0x[0-9a-f]+|\d+)/g, "$1")
        .replaceAll(/\.\d{4,5}\b/g, ".OWN")
        .replaceAll(/\s+/g, " ")
}
