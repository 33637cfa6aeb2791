/** The kernel's links, addresses and default routes (man 7 rtnetlink): all of them now, and word of each change. */
import type { Address } from "../../core/net/address.ts"
import { ENOBUFS, ENOENT, SystemError } from "./errno.ts"
import { attributes, dump, messages, NETLINK_ROUTE, openNetlink } from "./netlink.ts"
import { LITTLE, receive } from "./socket.ts"

/** An interface. */
export type Link = { readonly name: string; readonly index: number; readonly up: boolean }

/** An address of this host. */
export type LocalAddress = { readonly address: Address; readonly interface: number }

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26

const RTNLGRP_LINK = 1
const RTNLGRP_IPV4_IFADDR = 5
const RTNLGRP_IPV4_ROUTE = 7
const RTNLGRP_IPV6_IFADDR = 9
const RTNLGRP_IPV6_ROUTE = 11

const AF_INET = 2
const AF_INET6 = 10
const IFF_UP = 1
const IFLA_IFNAME = 3
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const RTA_OIF = 4
const RTA_MULTIPATH = 9
const RTA_TABLE = 15
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1

/** Fixed parts: ifinfomsg, ifaddrmsg, rtmsg, rtnexthop. */
const IFINFOMSG = 16
const IFADDRMSG = 8
const RTMSG = 12
const RTNEXTHOP = 8

/** All interfaces. Throws SystemError. */
export function listLinks(): Link[] {
    return dump(NETLINK_ROUTE, RTM_GETLINK, new Uint8Array(IFINFOMSG)).flatMap(({ type, body }) => {
        if (type !== RTM_NEWLINK || body.length < IFINFOMSG) return []
        const name = attributes(body, IFINFOMSG).get(IFLA_IFNAME)
        const view = viewOf(body)
        // "Up" is what the operator asked for; whether a cable is in comes and goes by itself and changes nothing here.
        const up = (view.getUint32(8, LITTLE) & IFF_UP) !== 0
        return name ? [{ name: cString(name), index: view.getInt32(4, LITTLE), up }] : []
    })
}

/** All addresses of both families, loopback's too. Throws SystemError. */
export function listAddresses(): LocalAddress[] {
    return dump(NETLINK_ROUTE, RTM_GETADDR, new Uint8Array(IFADDRMSG)).flatMap(({ type, body }) => {
        if (type !== RTM_NEWADDR || body.length < IFADDRMSG) return []
        const found = attributes(body, IFADDRMSG)
        // On point-to-point links ADDRESS is the other end and LOCAL ours; IPv6 has LOCAL only there.
        const address = toAddress(body[0]!, found.get(IFA_LOCAL) ?? found.get(IFA_ADDRESS))
        return address ? [{ address, interface: viewOf(body).getUint32(4, LITTLE) }] : []
    })
}

/**
 * The interfaces of the default routes in the main table, each once. Where other tables have a default route of their
 * own (VPNs with policy routing, VRFs), their interfaces must be named in the configuration. Throws SystemError.
 */
export function listDefaultInterfaces(): number[] {
    const indices = [AF_INET, AF_INET6].flatMap((family) => {
        const wish = new Uint8Array(RTMSG)
        wish[0] = family
        // With strict checking the kernel sends the main table only; others look at every answer.
        wish[4] = RT_TABLE_MAIN
        return dumpTable(wish).flatMap(({ type, body }) =>
            type === RTM_NEWROUTE && isDefaultRoute(body) && body[0] === family ? routeInterfaces(body) : [],
        )
    })
    return [...new Set(indices)]
}

/** The kernel has no table before the first route of a family, as before loopback is up: then nothing is in it. */
function dumpTable(wish: Uint8Array): ReturnType<typeof dump> {
    try {
        return dump(NETLINK_ROUTE, RTM_GETROUTE, wish)
    } catch (error) {
        if (error instanceof SystemError && error.errno === ENOENT) return []
        throw error
    }
}

/** Opens a socket that hears of every change that `heard` understands. Throws SystemError. */
export function openLinkEvents(): number {
    return openNetlink(NETLINK_ROUTE, [
        RTNLGRP_LINK,
        RTNLGRP_IPV4_IFADDR,
        RTNLGRP_IPV6_IFADDR,
        RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE,
    ])
}

/** What changed: a set of bits. */
export const LINKS = 1
export const ADDRESSES = 2
export const ROUTES = 4

/**
 * Reads all that waits on the socket and says what changed, as bits; without blocking. After an overrun everything may
 * have. Routes other than default ones are left out, so that a full routing table in motion costs little.
 */
export function heard(fd: number, buffer: Uint8Array): number {
    let changed = 0
    for (;;) {
        const length = receive(fd, buffer)
        if (length === 0) return changed
        if (length === -ENOBUFS) changed |= LINKS | ADDRESSES | ROUTES
        else if (length < 0) return changed
        else for (const { type, body } of messages(buffer.subarray(0, length))) changed |= changeOf(type, body)
    }
}

function changeOf(type: number, body: Uint8Array): number {
    switch (type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            // Routes of an interface that goes down vanish without a word of their own (IPv4).
            return LINKS | ROUTES
        case RTM_NEWADDR:
        case RTM_DELADDR:
            // So do those that depend on an address.
            return ADDRESSES | ROUTES
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return isDefaultRoute(body) ? ROUTES : 0
        default:
            return 0
    }
}

function isDefaultRoute(body: Uint8Array): boolean {
    if (body.length < RTMSG || body[1] !== 0 || body[7] !== RTN_UNICAST) return false
    const table = attributes(body, RTMSG).get(RTA_TABLE)
    return (table && table.length >= 4 ? viewOf(table).getUint32(0, LITTLE) : body[4]) === RT_TABLE_MAIN
}

function routeInterfaces(body: Uint8Array): number[] {
    const found = attributes(body, RTMSG)
    const one = found.get(RTA_OIF)
    if (one && one.length >= 4) return [viewOf(one).getUint32(0, LITTLE)]
    const hops = found.get(RTA_MULTIPATH) ?? new Uint8Array(0)
    const indices: number[] = []
    for (let at = 0; hops.length - at >= RTNEXTHOP; ) {
        const length = viewOf(hops).getUint16(at, LITTLE)
        if (length < RTNEXTHOP) break
        indices.push(viewOf(hops).getInt32(at + 4, LITTLE))
        at += (length + 3) & ~3
    }
    return indices
}

function toAddress(family: number, value: Uint8Array | undefined): Address | null {
    if (!value) return null
    const view = viewOf(value)
    if (family === AF_INET && value.length === 4) return [0, 0, 0xffff, view.getUint32(0)]
    if (family !== AF_INET6 || value.length !== 16) return null
    return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}

function cString(bytes: Uint8Array): string {
    const end = bytes.indexOf(0)
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

function viewOf(bytes: Uint8Array): DataView {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
