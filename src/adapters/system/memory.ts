/** Memory outside the JavaScript heap that never moves, for structs that hold addresses and for buffers of the kernel. */
import { ffi } from "./ffi.ts"

/** A piece of it. It is never freed: allocate once per capture, not per call. */
export type Memory = { readonly address: bigint; readonly bytes: Uint8Array }

/** Takes `size` zeroed bytes. */
export function allocate(size: number): Memory {
    const address = ffi().address(ffi().alloc("uint8_t", size))
    return { address, bytes: new Uint8Array(ffi().view(address, size)).fill(0) }
}
