/** Streams read whole, without `Response`, which Node.js takes long to load. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
    const reader = stream.getReader()
    const parts: Uint8Array[] = []
    let length = 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
        parts.push(next.value)
        length += next.value.length
    }
    const bytes = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
        bytes.set(part, at)
        at += part.length
    }
    return bytes
}

/** These bytes, as a stream. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
    return new ReadableStream({
        start(controller) {
            controller.enqueue(bytes)
            controller.close()
        },
    })
}
