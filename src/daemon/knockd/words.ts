/** The command line of knockd(1), as its getopt_long(3) reads it. */
import { getopt, type OptionSpec } from "../../voice/getopt.ts"

/** What it asks for. Null: not said, and so left to the configuration. */
export type KnockdWords = {
    readonly interface: string | null
    readonly background: boolean
    readonly config: string
    readonly debug: boolean
    readonly lookup: boolean
    readonly pidFile: string | null
    readonly logFile: string | null
    readonly verbose: boolean
    readonly onlyIpv4: boolean
    /** Ours: in the foreground, and nothing is done but said. */
    readonly dryRun: boolean
}

/** Run so; or there is something to say instead, on standard error and on standard output. */
export type WordsReading =
    | { readonly run: KnockdWords }
    | { readonly run: null; readonly mistakes: readonly string[]; readonly show: "help" | "version" }

const OPTIONS: readonly OptionSpec[] = [
    { short: "i", long: "interface", value: true },
    { short: "d", long: "daemon", value: false },
    { short: "c", long: "config", value: true },
    { short: "D", long: "debug", value: false },
    { short: "l", long: "lookup", value: false },
    { short: "p", long: "pidfile", value: true },
    { short: "g", long: "logfile", value: true },
    { short: "v", long: "verbose", value: false },
    { short: "4", long: "only-ip-v4", value: false },
    { short: "n", long: "dry-run", value: false },
    { short: "V", long: "version", value: false },
    { short: "h", long: "help", value: false },
]

const CONFIG = "/etc/knockd.conf"

/** Reads it. As with knockd, operands mean nothing, and a mistake shows the help and is no failure. */
export function readKnockdWords(words: readonly string[], strict: boolean): WordsReading {
    const values = new Map<string, string>()
    for (const step of getopt(words, OPTIONS, strict)) {
        if (step.step === "mistake") return { run: null, mistakes: [step.text], show: "help" }
        if (step.step === "operands") continue
        if (step.short === "V") return { run: null, mistakes: [], show: "version" }
        if (step.short === "h") return { run: null, mistakes: [], show: "help" }
        values.set(step.short, step.value)
    }
    return {
        run: {
            interface: values.get("i") ?? null,
            background: values.has("d") && !values.has("n"),
            config: values.get("c") ?? CONFIG,
            debug: values.has("D"),
            lookup: values.has("l"),
            pidFile: values.get("p") ?? null,
            logFile: values.get("g") ?? null,
            verbose: values.has("v") || values.has("n"),
            onlyIpv4: values.has("4"),
            dryRun: values.has("n"),
        },
    }
}

/** What `-h` shows. */
export const HELP = `usage: knockd [options]
options:
  -i, --interface IF    listen on this interface, on several (eth0,wlan0), on "any" or on "auto" (default "eth0")
  -d, --daemon          go into the background
  -c, --config FILE     another configuration than ${CONFIG}
  -D, --debug           say more, on standard output
  -l, --lookup          look up the names of sources
  -p, --pidfile FILE    where the process number is written (with -d)
  -g, --logfile FILE    where lines are written, if the configuration says nothing
  -v, --verbose         say what happens, on standard output
  -4, --only-ip-v4      leave IPv6 alone
  -n, --dry-run         say what would be done, on standard output, and change nothing
  -V, --version         which version this is
  -h, --help            this help
`
