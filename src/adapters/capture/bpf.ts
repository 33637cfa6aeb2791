/**
 * The packet socket's filter, as classic BPF (Linux Documentation/networking/filter.rst): what it refuses costs
 * user space nothing. It only has to be right in what it refuses; the sieve decides the rest. Pure: data in, program
 * out.
 *
 * Conditional jumps reach 255 instructions, and lists of ports and interfaces may be longer. So every condition jumps
 * over one instruction at most, and that one jumps as far as it wants.
 */
import type { Hit, Service, TcpFlags } from "../../core/knock/hit.ts"

/** What to let through. */
export type FilterWish = {
    readonly family: 4 | 6
    /** Indices of interfaces; null: all. */
    readonly interfaces: readonly number[] | null
    /** TCP packets count if any of these fits. */
    readonly flags: readonly TcpFlags[]
    /** Services whose packets are of no use. */
    readonly silent: readonly Service[]
    /** Nothing but these is of use; null: all but the silent ones. */
    readonly only: readonly Hit[] | null
}

/** Ours: the kernel takes 4096 instructions, and an item of a list has two. Longer lists are left to the sieve. */
const MAX_LIST = 600

const LOAD_WORD = 0x20
const LOAD_HALF = 0x28
const LOAD_BYTE = 0x30
const LOAD_HALF_X = 0x48
const LOAD_BYTE_X = 0x50
const LOAD_X = 0x01
/** X = 4 * (byte & 15): the length of an IPv4 header. */
const LOAD_X_HEADER = 0xb1
const AND = 0x54
const JUMP = 0x05
const JUMP_EQUAL = 0x15
const JUMP_GREATER_EQUAL = 0x35
const JUMP_SET = 0x45
const RETURN = 0x06

/** Offsets from here on ask the kernel about the packet instead of reading its bytes. */
const ANCILLARY = 0xffff_f000
const PACKET_TYPE = ANCILLARY + 4
const INTERFACE = ANCILLARY + 8
/** Packet types: 0 for us, 1 broadcast, 2 multicast, 3 for another host, 4 outgoing. */
const OTHER_HOST = 3

const EXTENSION_HEADERS = [0, 43, 44, 51, 60]

type Instruction = { readonly code: number; readonly yes: number; readonly no: number; readonly k: number | string }

/** The program as the kernel wants it: `struct sock_filter` after another, in the byte order given. */
export function assembleFilter(wish: FilterWish, snaplen: number, little: boolean): Uint8Array {
    const program: Instruction[] = []
    const labels = new Map<string, number>()
    const put = (code: number, k: number | string, yes = 0, no = 0) => void program.push({ code, yes, no, k })
    const label = (name: string) => void labels.set(name, program.length)
    /** If the condition holds, to the label; else on. */
    const when = (condition: number, k: number, to: string) => {
        put(condition, k, 0, 1)
        put(JUMP, to)
    }

    const echo = wish.only === null || wish.only.some(({ protocol }) => protocol === "icmp") ? "echo" : "refuse"
    put(LOAD_BYTE, PACKET_TYPE)
    when(JUMP_GREATER_EQUAL, OTHER_HOST, "refuse")
    if (wish.interfaces !== null && wish.interfaces.length <= MAX_LIST) {
        put(LOAD_WORD, INTERFACE)
        for (const index of wish.interfaces) when(JUMP_EQUAL, index, "watched")
        put(JUMP, "refuse")
        label("watched")
    }
    if (wish.family === 4) {
        // Fragments other than the first have no ports.
        put(LOAD_HALF, 6)
        when(JUMP_SET, 0x1fff, "refuse")
        put(LOAD_X_HEADER, 0)
        put(LOAD_BYTE, 9)
        when(JUMP_EQUAL, 1, echo)
    } else {
        put(LOAD_X, 40)
        put(LOAD_BYTE, 6)
        // They are rare, and classic BPF has no loops: the decoder walks them.
        for (const header of EXTENSION_HEADERS) when(JUMP_EQUAL, header, "accept")
        when(JUMP_EQUAL, 58, echo)
    }
    when(JUMP_EQUAL, 6, "tcp")
    when(JUMP_EQUAL, 17, "udp")
    put(JUMP, "refuse")

    label("echo")
    put(LOAD_BYTE_X, 0)
    when(JUMP_EQUAL, wish.family === 4 ? 8 : 128, "accept")
    put(JUMP, "refuse")

    label("tcp")
    for (const { set, clear } of wish.flags) {
        put(LOAD_BYTE_X, 13)
        put(AND, set | clear)
        when(JUMP_EQUAL, set, "tcp-port")
    }
    put(JUMP, "refuse")
    for (const protocol of ["tcp", "udp"] as const) {
        label(protocol === "tcp" ? "tcp-port" : "udp")
        put(LOAD_HALF_X, 2)
        const only = wish.only?.filter((hit) => hit.protocol === protocol) ?? null
        if (only === null || only.length > MAX_LIST) {
            for (const { port } of wish.silent.filter((service) => service.protocol === protocol).slice(0, MAX_LIST)) {
                put(JUMP_EQUAL, port, 0, 1)
                put(RETURN, 0)
            }
        } else {
            for (const { port } of only) {
                put(JUMP_EQUAL, port, 0, 1)
                put(RETURN, snaplen)
            }
            put(RETURN, 0)
        }
        if (protocol === "tcp") put(JUMP, "accept")
    }
    label("accept")
    put(RETURN, snaplen)
    label("refuse")
    put(RETURN, 0)
    return encode(program, labels, little)
}

function encode(program: readonly Instruction[], labels: ReadonlyMap<string, number>, little: boolean): Uint8Array {
    const bytes = new Uint8Array(program.length * 8)
    const view = new DataView(bytes.buffer)
    program.forEach(({ code, yes, no, k }, index) => {
        // Jumps go forward only, and count from the next instruction.
        const value = typeof k === "number" ? k : labels.get(k)! - index - 1
        view.setUint16(index * 8, code, little)
        view.setUint8(index * 8 + 2, yes)
        view.setUint8(index * 8 + 3, no)
        view.setUint32(index * 8 + 4, value, little)
    })
    return bytes
}
