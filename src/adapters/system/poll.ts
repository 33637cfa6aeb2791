/**
 * Waking the event loop when a descriptor becomes readable. Node has no such thing for packet and netlink sockets; the
 * FFI library wraps libuv's uv_poll, with traps that are all dealt with here (each has a test):
 *
 * 1. The callback gets `(status, events)`, whatever the library's types say.
 * 2. What a callback throws is swallowed, and the process dies at the next garbage collection. So it is caught, and
 *    thrown again from a turn of its own, where it is an ordinary uncaught exception.
 * 3. An error on the socket (interface down, queue overrun) makes libuv stop the handle: deaf for ever. So the error is
 *    taken off the socket and the handle started again.
 * 4. A handle that nobody refers to is collected and never fires. So living handles are kept here.
 * 5. Using a handle after `close` is a crash. So all calls are guarded, and `close` can be called twice.
 * 6. The library's asynchronous calls block a thread of the pool and hang the exit of the process. So none is used.
 */
import { ffi } from "./ffi.ts"
import { takeError } from "./socket.ts"

/** A watched descriptor. */
export type Watch = {
    /** No more calls until `resume`. */
    pause(): void
    resume(): void
    /** The end; the descriptor itself stays open. */
    close(): void
}

type Handle = ReturnType<ReturnType<typeof ffi>["node"]["poll"]>

/** The living (trap 4). */
const living = new Set<object>()

/** Ours: so many errors in a row without anything to read, and we wait a little before we listen again. */
const ERRORS_IN_A_ROW = 4
const ERROR_PAUSE_MS = 100

/**
 * Calls back whenever `fd` has something to read, as long as it has (level-triggered), and keeps the process alive.
 * `error` is the error number that was taken off the socket, or 0; there may be something to read all the same.
 */
export function readable(fd: number, callback: (error: number) => void): Watch {
    let open = true
    let paused = false
    let errors = 0
    let timer: NodeJS.Timeout | undefined

    const fired = (status: unknown) => {
        if (!open) return
        let error = 0
        if (typeof status === "number" && status < 0) {
            error = takeError(fd)
            errors++
            if (errors < ERRORS_IN_A_ROW) start()
            else timer ??= setTimeout(restart, ERROR_PAUSE_MS)
        } else {
            errors = 0
        }
        try {
            callback(error)
        } catch (thrown) {
            setImmediate(() => {
                throw thrown
            })
        }
    }
    const start = () => {
        if (open && !paused) handle.start({ readable: true }, fired)
    }
    const restart = () => {
        timer = undefined
        start()
    }
    const handle: Handle = ffi().node.poll(fd, { readable: true }, fired)

    const watch: Watch = {
        pause() {
            if (!open || paused) return
            paused = true
            handle.stop()
        },
        resume() {
            if (!open || !paused) return
            paused = false
            handle.start({ readable: true }, fired)
        },
        close() {
            if (!open) return
            open = false
            clearTimeout(timer)
            living.delete(handle)
            handle.close()
        },
    }
    living.add(handle)
    return watch
}
