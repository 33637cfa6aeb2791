import { readFileSync } from "node:fs"

/** The number of a group of this host, by /etc/group (man 5 group) alone; undefined if it is not there. */
export function groupId(name: string): number | undefined {
    const line = groups().find((one) => one.startsWith(`${name}:`))
    return line === undefined ? undefined : Number(line.split(":")[2])
}

function groups(): string[] {
    try {
        return readFileSync("/etc/group", "utf8").split("\n")
    } catch {
        return []
    }
}
