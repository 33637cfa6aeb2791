import { readFileSync } from "node:fs"

/** The number of a group of this host; undefined if there is none. */
export function groupId(name: string): number | undefined {
    const line = readFileSync("/etc/group", "utf8")
        .split("\n")
        .find((one) => one.startsWith(`${name}:`))
    return line === undefined ? undefined : Number(line.split(":")[2])
}
