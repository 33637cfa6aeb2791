/**
 * Our chains of iptables: which there are, in which tables, what of them `iptables-save` shows, and the change to
 * others. Pure.
 */

/** By table, with the built-in chains that jump to ours. */
const TABLES = [
    { table: "raw", jumps: [["PREROUTING", "POSTERN-GUARD"]], chains: ["POSTERN-GUARD"] },
    {
        table: "mangle",
        jumps: [["PREROUTING", "POSTERN-LEAD"]],
        chains: ["POSTERN-LEAD", "POSTERN-LISTENER", "POSTERN-MARK", "POSTERN-AGAIN"],
    },
    {
        table: "filter",
        jumps: [
            ["INPUT", "POSTERN-HIDE"],
            ["FORWARD", "POSTERN-PASS"],
        ],
        chains: ["POSTERN-HIDE", "POSTERN-PASS", "POSTERN-REFUSE"],
    },
    // The last, because some kernels have none for IPv6: the others are in place by then.
    { table: "nat", jumps: [["PREROUTING", "POSTERN-TURN"]], chains: ["POSTERN-TURN", "POSTERN-ELSEWHERE"] },
] as const

export type ChainName = (typeof TABLES)[number]["chains"][number]

/** What each of our chains holds; one that is not named is not wanted. */
export type Rules = Partial<Readonly<Record<ChainName, readonly string[]>>>

/**
 * What is there of ours: rules in each chain, and jumps to it, with whether the first rule of all is one. `nat`: this
 * table is there.
 */
export type Ours = {
    readonly nat: boolean
    readonly rules: ReadonlyMap<string, number>
    readonly jumps: ReadonlyMap<string, { readonly times: number; readonly first: boolean }>
}

/** In what `iptables-save` prints. */
export function parseOurs(saved: string): Ours {
    const rules = new Map<string, number>()
    const jumps = new Map<string, { readonly times: number; readonly first: boolean }>()
    for (const part of saved.split(/^\*/m)) {
        const lines = part.split("\n")
        for (const [, name] of part.matchAll(/^:(POSTERN-[A-Z]+) /gm))
            rules.set(name!, lines.filter((line) => line.startsWith(`-A ${name} `)).length)
        const table = TABLES.find((one) => one.table === lines[0])
        for (const [from, to] of table?.jumps ?? []) {
            const all = lines.filter((line) => line.startsWith(`-A ${from} `))
            const jump = `-A ${from} -j ${to}`
            jumps.set(to, { times: all.filter((line) => line === jump).length, first: all[0] === jump })
        }
    }
    return { nat: /^\*nat$/m.test(saved), rules, jumps }
}

/** Is all that is wanted there, each chain with as many rules, and each jump once and before all others? */
export function isWhole(wanted: Rules, { rules, jumps }: Ours): boolean {
    const filled = Object.entries(wanted).every(([name, of]) => rules.get(name) === of.length)
    return (
        filled &&
        TABLES.every(({ jumps: all }) =>
            all.every(([, to]) => {
                const jump = jumps.get(to)
                return wanted[to] === undefined || (jump?.times === 1 && jump.first)
            }),
        )
    )
}

/**
 * Makes ours what is wanted, as `iptables-restore --noflush` reads it: one transaction for each table. Tables in which
 * nothing of ours is wanted or there are not named, for the kernel would make them.
 */
export function renderChains(wanted: Rules, { rules, jumps }: Ours): string {
    return TABLES.map(({ table, jumps: all, chains }) => {
        const named = chains.filter((chain) => wanted[chain] !== undefined || rules.has(chain))
        if (named.length === 0) return ""
        return [
            `*${table}`,
            // What is named so is made, or emptied.
            ...named.map((chain) => `:${chain} - [0:0]`),
            ...named.flatMap((chain) => (wanted[chain] ?? []).map((rule) => `-A ${chain} ${rule}`)),
            ...all.flatMap(([from, to]) => [
                ...Array.from({ length: jumps.get(to)?.times ?? 0 }, () => `-D ${from} -j ${to}`),
                ...(wanted[to] === undefined ? [] : [`-I ${from} 1 -j ${to}`]),
            ]),
            ...named.filter((chain) => wanted[chain] === undefined).map((chain) => `-X ${chain}`),
            "COMMIT",
            "",
        ].join("\n")
    }).join("")
}

/** Nothing of ours is there. */
export const NONE: Ours = { nat: false, rules: new Map(), jumps: new Map() }

/** Does somebody else change destinations of what arrives? */
export function rewrites(saved: string): boolean {
    return /^-A (?!POSTERN-|OUTPUT |POSTROUTING ).* -j (DNAT|REDIRECT)\b/m.test(saved)
}
