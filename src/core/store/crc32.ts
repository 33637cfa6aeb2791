/**
 * CRC-32 as in ISO 3309 and RFC 1952 (section 8): finds every change of up to 32 bits in a row. Eight bytes are taken at
 * once ("slicing by 8", Kounavis and Berry, 2005), for a journal can have a hundred megabytes.
 */

/** 8 times 256 entries: part k says what a byte comes to that has k more bytes behind it. */
const TABLE = new Uint32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 0 ? rest >>> 1 : (rest >>> 1) ^ 0xedb88320
    TABLE[byte] = rest
}
for (let i = 256; i < TABLE.length; i++) TABLE[i] = (TABLE[i - 256]! >>> 8) ^ TABLE[TABLE[i - 256]! & 255]!

/** The checksum of these bytes, of those from `from` to before `to`: an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array, from = 0, to = bytes.length): number {
    let rest = 0xffffffff
    let at = from
    for (; at + 8 <= to; at += 8) {
        rest ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
        rest =
            TABLE[0x700 | (rest & 255)]! ^
            TABLE[0x600 | ((rest >>> 8) & 255)]! ^
            TABLE[0x500 | ((rest >>> 16) & 255)]! ^
            TABLE[0x400 | (rest >>> 24)]! ^
            TABLE[0x300 | bytes[at + 4]!]! ^
            TABLE[0x200 | bytes[at + 5]!]! ^
            TABLE[0x100 | bytes[at + 6]!]! ^
            TABLE[bytes[at + 7]!]!
    }
    for (; at < to; at++) rest = (rest >>> 8) ^ TABLE[(rest ^ bytes[at]!) & 255]!
    return ~rest >>> 0
}
