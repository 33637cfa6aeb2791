/** The bytes of an armoured file, with line feeds after its end: `age`, `gpg` and all readers of armour take them. */
export function filled(armour: string, size: number): Uint8Array {
    if (armour.length > size) throw new RangeError(`a file of ${armour.length} bytes does not fit ${size}`)
    return new TextEncoder().encode(armour.padEnd(size, "\n"))
}
