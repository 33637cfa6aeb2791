import { lstatSync } from "node:fs"

/** Is there no interface of this name on this host, for sure? */
export function isInterfaceMissing(name: string): boolean {
    try {
        lstatSync(`/sys/class/net/${name}`)
        return name.includes("/")
    } catch (error) {
        return error instanceof Error && "code" in error && error.code === "ENOENT"
    }
}
