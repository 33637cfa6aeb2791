/**
 * A table as data, and the one transaction that makes it so: what is missing is added, chains and constant sets are
 * filled anew, sets whose elements come and go (grants, watched sources) keep them, what is no longer wanted goes.
 * The same text works on an empty kernel and on one that has the table already, and twice.
 */

/** A set. `elements: null`: its elements come and go by themselves and are never touched. */
export type SetSpec = { readonly name: string; readonly spec: string; readonly elements: readonly string[] | null }

/** A chain. `hook: null`: reached by jumps only. */
export type ChainSpec = { readonly name: string; readonly hook: string | null; readonly rules: readonly string[] }

/** The whole table. What is `absent` is taken away if it is there. */
export type TableSpec = {
    readonly sets: readonly SetSpec[]
    readonly chains: readonly ChainSpec[]
    readonly absent: { readonly sets: readonly SetSpec[]; readonly chains: readonly ChainSpec[] }
}

/** Our table's family and name. */
export const TABLE = "inet postern"

/** The transaction as `nft -f` reads it, one command a line. */
export function formatTable({ sets, chains, absent }: TableSpec): string {
    const every = [...chains, ...absent.chains]
    const constant = sets.filter(({ elements }) => elements !== null)
    const lines = [
        `add table ${TABLE}`,
        ...[...sets, ...absent.sets].map(({ name, spec }) => `add set ${TABLE} ${name} { ${spec}; }`),
        // An absent chain is named without its hook: that adds it where it is missing and changes it nowhere.
        ...chains.map(({ name, hook }) => `add chain ${TABLE} ${name}${hook === null ? "" : ` { ${hook} }`}`),
        ...absent.chains.map(({ name }) => `add chain ${TABLE} ${name}`),
        ...every.map(({ name }) => `flush chain ${TABLE} ${name}`),
        ...absent.chains.map(({ name }) => `delete chain ${TABLE} ${name}`),
        ...absent.sets.map(({ name }) => `delete set ${TABLE} ${name}`),
        ...constant.map(({ name }) => `flush set ${TABLE} ${name}`),
        ...constant.flatMap(({ name, elements }) =>
            elements!.length === 0 ? [] : [`add element ${TABLE} ${name} { ${elements!.join(", ")} }`],
        ),
        ...chains.flatMap(({ name, rules }) => rules.map((rule) => `add rule ${TABLE} ${name} ${rule}`)),
    ]
    return `${lines.join("\n")}\n`
}
