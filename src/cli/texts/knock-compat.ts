/** What `postern knock-compat` says. `knock:` begins our own sentences: that is the name it is called by. */

import type { PortProblem } from "../knock-compat/port.ts"
import { type DelayProblem, MAX_DELAY } from "../knock-compat/request.ts"

/** Options as knock has them, in our words. */
export const USAGE = `usage: knock [options] HOST PORT[:PROTO] ...
Sends one packet to each port, in this order: a TCP SYN, or with :udp a UDP datagram.
  -u, --udp            by UDP, whatever stands behind the ports
  -d, --delay <MS>     pause so many milliseconds after each port
  -4, --ipv4           to an IPv4 address of the host
  -6, --ipv6           to an IPv6 address of the host
  -v, --verbose        name each port as its turn comes
  -V, --version        which version of knock this does the work of, and of Postern
  -h, --help           this text

example: knock gate.example.org 32144 21312:udp 5120:tcp
This is \`postern knock-compat\`; \`postern knock\` knows more than knock.`

/** The first line is that of the version whose work this does, as scripts know it. `version`: Postern's. */
export function versionText(version: string): string {
    return `knock 0.8\nPostern ${version}, in the place of knock`
}

const PORTS: Readonly<Record<Exclude<PortProblem["code"], "service">, (problem: PortProblem) => string>> = {
    protocol: ({ word }) => `${word}: behind the colon comes tcp or udp`,
    empty: ({ word }) => `'${word}': no port; is a variable of the script empty?`,
    range: ({ word }) => `${word}: no such port: they go up to 65535`,
    "udp-zero": ({ word }) => `${word}: nothing can be sent to port 0 by UDP`,
}

/** What is wrong with a port. Where knock refuses it, too, in its words. */
export function portText(host: string, problem: PortProblem): string {
    if (problem.code === "service") return unresolvedText(host, problem.port, "Servname not supported for ai_socktype")
    return `knock: error: ${PORTS[problem.code](problem)}`
}

/** What is wrong with `-d`. */
export function delayText({ code, word }: DelayProblem): string {
    if (code === "negative") return "error: delay cannot be negative"
    const why = code === "number" ? "not a number of milliseconds" : `at most ${MAX_DELAY} milliseconds`
    return `knock: error: --delay ${word}: ${why}`
}

/** knock's two lines for what getaddrinfo(3) does not find. */
export function unresolvedText(host: string, port: string, reason: string): string {
    return `Failed to resolve hostname '${host}' on port ${port}\ngetaddrinfo: ${reason}`
}

/** Some packets never left this host; `detail` is the system's word. */
export function unsentText(count: number, of: number, address: string, detail: string): string {
    const hits = of === 1 ? "the hit" : count === of ? "the hits" : `${count} of ${of} hits`
    return `knock: warning: ${hits} could not be sent to ${address} (${detail})`
}

export const NO_SOCKET = "Cannot open socket"
