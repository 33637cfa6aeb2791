/** A knock as lines to type, for machines that have no client. */
import type { Hit } from "../knock/hit.ts"

/** With what it is typed. */
export type Tool = "nc" | "bash"

/**
 * One line for each hit, with programs that nearly every machine has: `nc`, or `bash` alone, and `ping` for echo
 * requests. Each ends by itself within about a second.
 */
export function linesByHand(host: string, hits: readonly Hit[], tool: Tool): readonly string[] {
    return hits.map(({ protocol, port }) =>
        protocol === "icmp" ? `ping -c1 -s${port} ${quoted(host)}` : LINES[tool][protocol](host, port),
    )
}

type Line = (host: string, port: number) => string

const LINES: Readonly<Record<Tool, Readonly<Record<"tcp" | "udp", Line>>>> = {
    nc: {
        tcp: (host, port) => `nc -z -w1 ${quoted(host)} ${port}`,
        udp: (host, port) => `echo | nc -u -w1 ${quoted(host)} ${port}`,
    },
    bash: {
        // The shell connects by itself; what nobody answers would wait for minutes.
        tcp: (host, port) => `timeout 1 bash -c ${quoted(`: > /dev/tcp/${host}/${port}`)}`,
        udp: (host, port) => `bash -c ${quoted(`echo > /dev/udp/${host}/${port}`)}`,
    },
}

/** A word of a POSIX shell that stands for itself. */
export function quoted(word: string): string {
    return /^[\w.:/@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
