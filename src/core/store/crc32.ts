/** CRC-32 as in ISO 3309 and RFC 1952 (section 8): finds every change of up to 32 bits in a row. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ 0xedb88320
    return rest
})

/** The checksum of these bytes, an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array): number {
    let rest = 0xffffffff
    for (let i = 0; i < bytes.length; i++) rest = (rest >>> 8) ^ TABLE[(rest ^ bytes[i]!) & 255]!
    return ~rest >>> 0
}
