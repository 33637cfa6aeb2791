/**
 * While our table is made anew, grants for one connection wait. A use that the old table counts after it was read would
 * go with it, and the new one would let another connection in. So nobody uses a grant up between the reading and the
 * making: what begins a connection is dropped, and clients send it again. Strangers meet no other table than before. Pure.
 */
import { formatService, type LiveElement } from "./elements.ts"
import { TABLE } from "./table.ts"
import { endingOf, wayTo } from "./ways.ts"

/** No chain that a whole table has: whoever finds one that a dead process has left makes the table anew (shape.ts). */
const CHAIN = `${TABLE} hold`

/** Holds back what would use one of these up; null: none of them can be. Before the chain that counts (once.ts). */
export function renderHold(live: readonly LiveElement[]): string | null {
    const usable = live.flatMap(({ element, used }) => (element.once && !used ? [element] : []))
    if (usable.length === 0) return null
    const services = [...new Set(usable.map(({ service }) => formatService(service)))].join(", ")
    const ways = [...new Set(usable.map(({ source }) => endingOf(source)))].map(wayTo)
    const rules = [
        "tcp flags & (syn | ack | rst) != syn accept",
        // To look into `once` would be a use.
        ...ways.map(({ any }) => `${any} meta l4proto . th dport { ${services} } drop`),
    ]
    return [
        `add chain ${CHAIN} { type filter hook prerouting priority mangle - 6; policy accept; }`,
        `flush chain ${CHAIN}`,
        ...rules.map((rule) => `add rule ${CHAIN} ${rule}`),
        "",
    ].join("\n")
}

/** Lets them go on, where the table was not made anew; also where nobody was held back. */
export function renderRelease(): string {
    return `add chain ${CHAIN}\nflush chain ${CHAIN}\ndelete chain ${CHAIN}\n`
}
