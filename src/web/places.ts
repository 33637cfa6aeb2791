/** Where it listens: addresses of the command line, and sockets that systemd hands over (sd_listen_fds(3)). */
import { formatAddress, isIPv4, parseAddress } from "../core/net/address.ts"

/** An address and a port, or a socket that is open already. */
export type Place = { readonly host: string; readonly port: number } | { readonly fd: number }

/** Where nothing is said. */
export const DEFAULT_PLACE = "127.0.0.1:8080"

/** systemd's: the first descriptor it hands over. */
const FIRST_FD = 3

/** Reads `127.0.0.1:8080` or `[::1]:8080`; null if it is neither. Port 0 is any that is free. */
export function parsePlace(text: string): Place | null {
    const [, six, four, digits] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text) ?? []
    const address = parseAddress(six ?? four ?? "")
    const port = Number(digits)
    if (address === null || port > 65_535 || isIPv4(address) !== (six === undefined)) return null
    return { host: formatAddress(address), port }
}

/** The sockets that systemd has handed to this process, `pid`: none where it has not. */
export function handedPlaces(env: Readonly<Record<string, string | undefined>>, pid: number): Place[] {
    const count = /^[1-9]\d?$/.exec(env["LISTEN_FDS"] ?? "")
    if (count === null || env["LISTEN_PID"] !== String(pid)) return []
    return Array.from({ length: Number(count[0]) }, (_, index) => ({ fd: FIRST_FD + index }))
}
