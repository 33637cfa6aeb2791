/** Lines of a file, from any place on and from its end, a piece at a time: nobody is held up by a long trail. */
import { LINE_MOST } from "../../core/audit/line.ts"
import type { View } from "../system/disk.ts"

/** So many bytes are read and looked at in one turn, well below a millisecond; packets come in between. */
export const PIECE = 8192

const LF = "\n"
/** A piece of a line that has no end is damage: its beginning is enough to know that. */
const KEPT = LINE_MOST + 1

/** Lines from `from` to `to`, in order; the first may be a part of one, and one without an end is not there yet. */
export async function* linesFrom(view: View, from: number, to: number): AsyncGenerator<readonly string[]> {
    let rest = ""
    for (let at = from; at < to; ) {
        const text = await textAt(view, at, Math.min(PIECE, to - at))
        if (text === "") break
        at += text.length
        const lines = (rest + text).split(LF)
        rest = (lines.pop() ?? "").slice(0, KEPT)
        yield lines
    }
}

/** Lines of the file's first `to` bytes, the last one first; that may be a part of one. */
export async function* linesBack(view: View, to: number): AsyncGenerator<readonly string[]> {
    let rest = ""
    for (let end = to; end > 0; ) {
        const at = Math.max(0, end - PIECE)
        const text = (await textAt(view, at, end - at)) + rest
        end = at
        const cut = at === 0 ? 0 : text.indexOf(LF) + 1
        if (at > 0 && cut === 0) {
            rest = text.slice(-KEPT)
            continue
        }
        rest = text.slice(0, cut)
        yield text.slice(cut).split(LF).reverse()
    }
}

/** A turn for whoever else has something to do: a read that was answered from memory may come back in this one. */
async function textAt(view: View, at: number, length: number): Promise<string> {
    const bytes = await view.read(at, length)
    await new Promise((resolve) => setImmediate(resolve))
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
}
