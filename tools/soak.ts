/**
 * `make soak`: ten minutes of everything at once, in namespaces of its own (test/lab/soak.ts). Prints a table of
 * figures, and exits with 1 if any promise was broken. Arguments: seconds, the capture, a seed.
 */
import { whyNoNamespaces } from "../test/lab/namespace.ts"
import { soak } from "../test/lab/soak.ts"

const [seconds = "600", capture = "nflog", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)

process.exitCode = await main()

async function main(): Promise<number> {
    const reason = whyNoNamespaces()
    if (reason !== null || !/^\d+$/.test(seconds) || (capture !== "nflog" && capture !== "packet-socket")) {
        process.stderr.write(`soak: ${reason ?? "arguments are seconds, `nflog` or `packet-socket`, and a seed"}\n`)
        return 2
    }
    process.stderr.write(`soak: ${seconds} s of everything at once, by ${capture}, seed ${seed}\n`)
    const { rows, broken } = await soak({ seconds: Number(seconds), capture, seed: Number(seed) })
    const table = [["what", "figure"], ["---", "---"], ...rows].map(([name, figure]) => `| ${name} | ${figure} |`)
    process.stdout.write(`${table.join("\n")}\n`)
    for (const what of broken) process.stderr.write(`soak: broken: ${what}\n`)
    return broken.length === 0 ? 0 : 1
}
