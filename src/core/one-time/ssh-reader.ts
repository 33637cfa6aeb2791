/** Ours: the longest text, far above any name of a key or cipher. As many arguments as a file has bytes would be too many. */
const MAX_TEXT = 1024

/** SSH's data types (RFC 4251, section 5), read with every length checked. After a refusal all reads give undefined. */
export class SshReader {
    readonly #bytes: Uint8Array
    readonly #view: DataView
    #at = 0
    #failed = false

    constructor(bytes: Uint8Array) {
        this.#bytes = bytes
        this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }

    /** Everything was read, and nothing was refused. */
    get done(): boolean {
        return !this.#failed && this.#at === this.#bytes.length
    }

    /** What has not been read yet. */
    get rest(): Uint8Array {
        return this.#bytes.subarray(this.#failed ? this.#bytes.length : this.#at)
    }

    /** So many bytes, as they are. */
    bytes(length: number): Uint8Array | undefined {
        if (this.#failed || length > this.#bytes.length - this.#at) return this.#refuse()
        this.#at += length
        return this.#bytes.subarray(this.#at - length, this.#at)
    }

    uint32(): number | undefined {
        return this.bytes(4) && this.#view.getUint32(this.#at - 4)
    }

    string(): Uint8Array | undefined {
        const length = this.uint32()
        return length === undefined ? undefined : this.bytes(length)
    }

    /** A string in printable ASCII, as names are, and no longer than any. */
    text(): string | undefined {
        const bytes = this.string()
        if (bytes === undefined) return undefined
        if (bytes.length > MAX_TEXT || bytes.some((byte) => byte < 0x20 || byte >= 0x7f)) return this.#refuse()
        return String.fromCharCode(...bytes)
    }

    /** An mpint above zero, in the shortest form only, without its leading zero. */
    positive(): Uint8Array | undefined {
        const bytes = this.string()
        if (bytes === undefined) return undefined
        const [first = 0, second = 0] = bytes
        if (bytes.length === 0 || first > 0x7f) return this.#refuse()
        if (first > 0) return bytes
        return bytes.length > 1 && second > 0x7f ? bytes.subarray(1) : this.#refuse()
    }

    #refuse(): undefined {
        this.#failed = true
        return undefined
    }
}
