/**
 * nftables in this process, by libnftables (libnftables(3)): 0.2 ms where a child process takes 3 ms. The library
 * keeps a netlink socket of the network namespace in which it was opened; use it from the main thread only.
 */
import { readdirSync } from "node:fs"
import { ffi, libcFunction } from "./ffi.ts"
import { flaggedTables } from "./nftables-tables.ts"

/** What a batch of commands gave: its output, or the library's own words about what is wrong. */
export type NftAnswer = { readonly ok: true; readonly output: string } | { readonly ok: false; readonly error: string }

/** An open nftables. */
export type Nftables = {
    /** Runs commands as `nft -f` would: all of them in one transaction, or none. Protocols are printed as numbers. */
    readonly run: (commands: string) => NftAnswer
    /** Runs list commands and gives their answer as JSON text (libnftables-json(5)); `terse` leaves set elements out. */
    readonly json: (commands: string, terse?: boolean) => NftAnswer
    /** As `run`, up to the moment at which it would be done: the kernel says whether it could, and nothing changes. */
    readonly rehearse: (commands: string) => NftAnswer
    /** Frees the library's memory and its socket. Can be called twice. */
    readonly close: () => void
}

/** `NFT_CTX_OUTPUT_…` of nftables/libnftables.h. */
const [JSON_OUTPUT, NUMERIC_PROTOCOL, TERSE] = [1 << 4, 1 << 7, 1 << 11]
/** fcntl(2) on Linux. */
const [F_SETFD, FD_CLOEXEC] = [2, 1]

/**
 * Why there is no JSON of a table with flags: one that a process owns, or that is dormant. libnftables 1.0.6 leaves off in
 * the middle of it, calls that a success, and has freed memory twice.
 */
export const FLAGGED = "a table that a process owns, or that is dormant, cannot be listed"
const WHOLE_TABLES = /^list (?:ruleset|table (.+))/

type Library = {
    readonly open: (flags: number) => unknown
    readonly free: (context: unknown) => void
    readonly bufferOutput: (context: unknown) => number
    readonly bufferErrors: (context: unknown) => number
    readonly setFlags: (context: unknown, flags: number) => void
    readonly setDryRun: (context: unknown, dry: boolean) => void
    readonly run: (context: unknown, commands: string) => number
    readonly output: (context: unknown) => string | null
    readonly errors: (context: unknown) => string | null
}

let library: Library | undefined

/** Opens nftables. Throws if the library is missing, with what to install. */
export function openNftables(): Nftables {
    library ??= loadLibrary()
    const { open, free, bufferOutput, bufferErrors, setFlags, setDryRun, run, output, errors } = library
    let context: unknown = open(0)
    if (context === null) throw new Error("libnftables: no context: out of memory, or no netlink in this kernel")
    keepFromChildren()
    bufferOutput(context)
    bufferErrors(context)

    const answer = (commands: string, flags: number): NftAnswer => {
        if (context === null) throw new Error("libnftables: used after close")
        setFlags(context, flags)
        const code = run(context, commands)
        // Both buffers are emptied by reading them.
        const [said, wrong] = [output(context) ?? "", errors(context) ?? ""]
        return code === 0 ? { ok: true, output: said } : { ok: false, error: wrong.trim() || "nftables refused" }
    }
    return {
        run: (commands) => answer(commands, NUMERIC_PROTOCOL),
        json(commands, terse = false) {
            const listing = WHOLE_TABLES.exec(commands)
            // Asked before: what is cut short has also written to memory that was given back.
            const flagged = listing === null ? [] : flaggedTables()
            if (flagged.some((name) => name === (listing?.[1] ?? name))) return { ok: false, error: FLAGGED }
            return answer(commands, JSON_OUTPUT | (terse ? TERSE : 0))
        },
        rehearse(commands) {
            setDryRun(context, true)
            try {
                return answer(commands, NUMERIC_PROTOCOL)
            } finally {
                setDryRun(context, false)
            }
        },
        close() {
            if (context !== null) free(context)
            context = null
        },
    }
}

function loadLibrary(): Library {
    const koffi = ffi()
    let loaded: ReturnType<typeof koffi.load>
    try {
        loaded = koffi.load("libnftables.so.1")
    } catch (cause) {
        const hint = "install nftables (Debian, Ubuntu: apt install libnftables1; Fedora: dnf install nftables)"
        throw new Error(`libnftables.so.1 cannot be loaded: ${hint}`, { cause })
    }
    const call = (prototype: string) => loaded.func(prototype)
    return {
        open: call("void *nft_ctx_new(uint32_t flags)"),
        free: call("void nft_ctx_free(void *ctx)"),
        bufferOutput: call("int nft_ctx_buffer_output(void *ctx)"),
        bufferErrors: call("int nft_ctx_buffer_error(void *ctx)"),
        setFlags: call("void nft_ctx_output_set_flags(void *ctx, unsigned int flags)"),
        setDryRun: call("void nft_ctx_set_dry_run(void *ctx, bool dry)"),
        run: call("int nft_run_cmd_from_buffer(void *ctx, const char *buf)"),
        output: call("const char *nft_ctx_get_output_buffer(void *ctx)"),
        errors: call("const char *nft_ctx_get_error_buffer(void *ctx)"),
    }
}

/**
 * Keeps what is open now from the programs of doors. The library opens its socket without SOCK_CLOEXEC, and a program
 * must not inherit a key to the firewall. All of them, not only the new one: nothing here is meant for a child.
 */
function keepFromChildren(): void {
    const fcntl = libcFunction("int fcntl(int fd, int cmd, ...)")
    for (const fd of readdirSync("/proc/self/fd").map(Number)) {
        if (fd > 2) fcntl(fd, F_SETFD, "int", FD_CLOEXEC)
    }
}
