/**
 * Lets this process itself enter a network namespace, for adapters that act in the namespace they run in. Programs
 * started meanwhile are inside too. Only for test files: each runs in a process of its own.
 */
import { closeSync, openSync } from "node:fs"
import { libcFunction } from "../../src/adapters/system/ffi.ts"
import type { Namespace } from "./namespace.ts"

/** setns(2). */
const CLONE_NEWNET = 0x40000000

/** Enters; the returned function goes back. Throws if the kernel refuses. */
export function enterNamespace(namespace: Namespace): () => void {
    // The main thread's own: /proc/self is the process, which may have been elsewhere.
    const home = openSync("/proc/thread-self/ns/net", "r")
    enter(`/run/netns/${namespace.name}`)
    return () => {
        setns(home, "back home")
        closeSync(home)
    }
}

function enter(path: string): void {
    const fd = openSync(path, "r")
    try {
        setns(fd, path)
    } finally {
        closeSync(fd)
    }
}

function setns(fd: number, what: string): void {
    if (libcFunction("int setns(int fd, int nstype)")(fd, CLONE_NEWNET) !== 0) throw new Error(`setns: ${what}`)
}
