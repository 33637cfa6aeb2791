import { readFileSync } from "node:fs"

/** The number of a group of this host, by /etc/group (man 5 group) alone; undefined if it is not there. */
export function groupId(name: string): number | undefined {
    const number = groups()
        .find((one) => one.startsWith(`${name}:`))
        ?.split(":")[2]
    // A line without a number must not be read as one of the group 0, which is root's.
    return number !== undefined && /^\d+$/.test(number) ? Number(number) : undefined
}

function groups(): string[] {
    try {
        return readFileSync("/etc/group", "utf8").split("\n")
    } catch {
        return []
    }
}
