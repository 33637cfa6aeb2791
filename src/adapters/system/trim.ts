/**
 * Gives memory back that is mapped but not in use. Node.js starts with most of its program file mapped (about 40 MB)
 * and needs a quarter of it afterwards. What is given back are clean pages of files: they stay in the kernel's page
 * cache, shared by everybody, and come back by themselves when they are touched.
 */
import { readFileSync } from "node:fs"
import { libcFunction } from "./ffi.ts"

/** madvise(2): these pages are not needed now. Of a private mapping that would lose what was written to it. */
const MADV_DONTNEED = 4

/** A part of the address space, `size` bytes at `start`. Both fit a number: addresses have 47 bits, or 52 at most. */
export type Mapping = { readonly start: number; readonly size: number }

/**
 * The mappings of files that hold no page of our own, by the text of /proc/PID/smaps (proc_pid_smaps(5)). Those that
 * can be written to are never among them, and neither are those that the linker has written to before (relocations).
 */
export function cleanMappings(smaps: string): Mapping[] {
    const clean: Mapping[] = []
    let mapping: Mapping | null = null
    for (const line of smaps.split("\n")) {
        const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ [0-9a-f:]+ (\d+) /.exec(line)
        if (head !== null) {
            const [start, end] = [Number.parseInt(head[1]!, 16), Number.parseInt(head[2]!, 16)]
            const isFile = head[4] !== "0"
            mapping = isFile && /^r-.p$/.test(head[3]!) ? { start, size: end - start } : null
        } else if (mapping !== null && /^Anonymous: +0 kB$/.test(line)) {
            clean.push(mapping)
        }
    }
    return clean
}

/** Gives back what it can. A system that knows no such thing keeps its memory: never throws. */
export function trimMemory(): void {
    try {
        const madvise = libcFunction("int madvise(uintptr_t address, size_t length, int advice)")
        for (const { start, size } of cleanMappings(readFileSync("/proc/self/smaps", "utf8"))) {
            madvise(start, size, MADV_DONTNEED)
        }
        // glibc alone has it: free memory in the middle of its heap.
        libcFunction("int malloc_trim(size_t pad)")(0)
    } catch {
        // It was worth a try.
    }
}
