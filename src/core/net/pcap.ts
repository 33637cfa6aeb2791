/**
 * Capture files, read and written: pcap (both byte orders, micro- and nanoseconds;
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html) and pcapng (section header, interface description,
 * enhanced and simple packet blocks; https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html).
 *
 * Bug reports bring such files, so they may hold anything: every length is checked, frames are views into the given
 * bytes, and what is wrong is a value with its offset. Reading stops at the first problem; the frames before it count.
 */

/** One captured frame: `bytes[start, end)` of the file it came from. */
export type Frame = {
    /** Milliseconds since 1970, with a fraction. Simple packet blocks have none: they repeat the time before. */
    readonly time: number
    readonly linkType: number
    /** The name the capture program gave the interface, if it wrote one. */
    readonly interface: string | null
    readonly start: number
    readonly end: number
}

/** Why reading stopped early, and at which byte. */
export type CaptureFileProblem = { readonly code: CaptureFileFault; readonly offset: number }

/** The faults of a file: no known kind; it ends within a record; a length that cannot be; a packet of no interface. */
export type CaptureFileFault = "unknown-format" | "cut" | "bad-length" | "no-interface"

/** What a file holds. */
export type CaptureFile = { readonly frames: readonly Frame[]; readonly problems: readonly CaptureFileProblem[] }

const PCAP_HEADER = 24
const PCAP_RECORD = 16
const PCAP_MICRO = 0xa1b2c3d4
const PCAP_NANO = 0xa1b23c4d
const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE_DESCRIPTION = 1
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
const OPTION_NAME = 2
const OPTION_RESOLUTION = 9

/** Ours: libpcap's own limit for a captured packet; a larger length is damage. */
const MAX_FRAME = 262_144
/** Ours: more interfaces than any host has. */
const MAX_INTERFACES = 65_536

/** Reads a pcap or pcapng file. Never throws. */
export function readCaptureFile(bytes: Uint8Array): CaptureFile {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes.length < 4) return { frames: [], problems: [{ code: "unknown-format", offset: 0 }] }
    if (view.getUint32(0) === SECTION_HEADER) return readPcapng(view)
    for (const little of [true, false]) {
        const magic = view.getUint32(0, little)
        if (magic === PCAP_MICRO || magic === PCAP_NANO) return readPcap(view, little, magic === PCAP_NANO ? 1e6 : 1e3)
    }
    return { frames: [], problems: [{ code: "unknown-format", offset: 0 }] }
}

function readPcap(view: DataView, little: boolean, unitsPerMs: number): CaptureFile {
    const frames: Frame[] = []
    const stop = (code: CaptureFileFault, offset: number) => ({ frames, problems: [{ code, offset }] })
    if (view.byteLength < PCAP_HEADER) return stop("cut", 0)
    // The upper bits of the link type hold the length of a frame check sequence, which we have no use for.
    const linkType = view.getUint32(20, little) & 0x0fffffff
    let at = PCAP_HEADER
    while (at < view.byteLength) {
        if (view.byteLength - at < PCAP_RECORD) return stop("cut", at)
        const captured = view.getUint32(at + 8, little)
        if (captured > MAX_FRAME) return stop("bad-length", at)
        const start = at + PCAP_RECORD
        if (captured > view.byteLength - start) return stop("cut", at)
        const time = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) / unitsPerMs
        frames.push({ time, linkType, interface: null, start, end: start + captured })
        at = start + captured
    }
    return { frames, problems: [] }
}

type Interface = {
    readonly linkType: number
    readonly name: string | null
    readonly snap: number
    readonly unitsPerMs: number
}

function readPcapng(view: DataView): CaptureFile {
    const frames: Frame[] = []
    const stop = (code: CaptureFileFault, offset: number) => ({ frames, problems: [{ code, offset }] })
    let little = true
    let interfaces: Interface[] = []
    let time = 0
    let at = 0
    while (at < view.byteLength) {
        const left = view.byteLength - at
        if (left < 12) return stop("cut", at)
        const type = view.getUint32(at, little)
        if (type === SECTION_HEADER) {
            if (left < 28) return stop("cut", at)
            little = view.getUint32(at + 8, true) === BYTE_ORDER
            if (!little && view.getUint32(at + 8) !== BYTE_ORDER) return stop("unknown-format", at)
            interfaces = []
        }
        const length = view.getUint32(at + 4, little)
        if (length < 12 || length % 4 !== 0) return stop("bad-length", at)
        if (length > left) return stop("cut", at)
        if (view.getUint32(at + length - 4, little) !== length) return stop("bad-length", at)
        const body = at + 8
        const end = at + length - 4
        if (type === INTERFACE_DESCRIPTION) {
            if (end - body < 8 || interfaces.length === MAX_INTERFACES) return stop("bad-length", at)
            interfaces.push(readInterface(view, body, end, little))
        } else if (type === ENHANCED_PACKET) {
            if (end - body < 20) return stop("bad-length", at)
            const from = interfaces[view.getUint32(body, little)]
            if (!from) return stop("no-interface", at)
            const captured = view.getUint32(body + 12, little)
            if (captured > MAX_FRAME || captured > end - body - 20) return stop("bad-length", at)
            const units = view.getUint32(body + 4, little) * 2 ** 32 + view.getUint32(body + 8, little)
            time = units / from.unitsPerMs
            const start = body + 20
            frames.push({ time, linkType: from.linkType, interface: from.name, start, end: start + captured })
        } else if (type === SIMPLE_PACKET) {
            if (end - body < 4) return stop("bad-length", at)
            const from = interfaces[0]
            if (!from) return stop("no-interface", at)
            // A simple packet block does not say how much was captured: the original length, the interface's limit
            // and the block's end do, whichever is least.
            const limit = from.snap === 0 ? MAX_FRAME : from.snap
            const captured = Math.min(view.getUint32(body, little), limit, end - body - 4)
            const start = body + 4
            frames.push({ time, linkType: from.linkType, interface: from.name, start, end: start + captured })
        }
        at += length
    }
    return { frames, problems: [] }
}

function readInterface(view: DataView, body: number, end: number, little: boolean): Interface {
    let name: string | null = null
    let unitsPerMs = 1e3
    let at = body + 8
    while (end - at >= 4) {
        const code = view.getUint16(at, little)
        const length = view.getUint16(at + 2, little)
        at += 4
        if (code === 0 || length > end - at) break
        if (code === OPTION_NAME) name = text(view, at, at + length)
        if (code === OPTION_RESOLUTION && length === 1) {
            // The top bit says that the exponent is of 2, not of 10.
            const exponent = view.getUint8(at)
            unitsPerMs = (exponent & 0x80 ? 2 ** (exponent & 0x7f) : 10 ** exponent) / 1000
        }
        at += (length + 3) & ~3
    }
    return { linkType: view.getUint16(body, little), name, snap: view.getUint32(body + 4, little), unitsPerMs }
}

/** Interface names are ASCII wherever we meet them; anything else becomes a question mark. */
function text(view: DataView, start: number, end: number): string {
    let result = ""
    for (let at = start; at < end; at++) {
        const byte = view.getUint8(at)
        if (byte === 0) break
        result += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "?"
    }
    return result
}

/** Makes a classic pcap file (little-endian, microseconds). `time`: milliseconds since 1970, fractions kept to 1 µs. */
export function writePcap(
    linkType: number,
    frames: readonly { readonly time: number; readonly bytes: Uint8Array }[],
): Uint8Array {
    const size = frames.reduce((sum, { bytes }) => sum + PCAP_RECORD + bytes.length, PCAP_HEADER)
    const file = new Uint8Array(size)
    const view = new DataView(file.buffer)
    view.setUint32(0, PCAP_MICRO, true)
    view.setUint16(4, 2, true)
    view.setUint16(6, 4, true)
    view.setUint32(16, MAX_FRAME, true)
    view.setUint32(20, linkType, true)
    let at = PCAP_HEADER
    for (const { time, bytes } of frames) {
        const micros = Math.round(time * 1000)
        view.setUint32(at, Math.floor(micros / 1e6), true)
        view.setUint32(at + 4, micros % 1e6, true)
        view.setUint32(at + 8, bytes.length, true)
        view.setUint32(at + 12, bytes.length, true)
        file.set(bytes, at + PCAP_RECORD)
        at += PCAP_RECORD + bytes.length
    }
    return file
}
