/**
 * `make demo`: a hidden ssh server, a scan, a knock, and a session that outlives its grant, told for a newcomer, in
 * under a minute. Three hosts in a private network; the host's own network is not touched. Every command shown is run,
 * and every output is real: if one step does not turn out as told, the demo says so and exits with 1.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import pico from "picocolors"
import { eventually, type Host, listTable, makeLab, POSTERN, untilPort } from "../test/lab/lab.ts"
import { collectLines } from "../test/lab/lines.ts"
import { startSshd } from "../test/lab/sshd.ts"
import { enterPrivateNetwork, insidePrivateNetwork } from "./private-network.ts"

const colour = pico.createColors(process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "")
const OPEN_SECONDS = 6

const CONFIGURATION = `[[door]]
name  = "ssh"
opens = ["tcp/22"]
for   = "${OPEN_SECONDS}s"
hide  = true
  [door.sequence]
  hits   = ["32144", "21312:udp", "27015"]
  within = "10s"
`

process.exitCode = insidePrivateNetwork() ? await main() : await enterPrivateNetwork(true)

async function main(): Promise<number> {
    const lab = makeLab(["laptop", "attacker"])
    try {
        await tell(lab)
        say("\nThat is all. The private network is gone, and nothing on this machine has changed.")
        return 0
    } catch (error) {
        process.stderr.write(`\ndemo: error: ${error instanceof Error ? error.message : String(error)}\n`)
        return 1
    } finally {
        lab.remove()
    }
}

async function tell(lab: ReturnType<typeof makeLab<"laptop" | "attacker">>): Promise<void> {
    const { gateway: server, scratch } = lab
    const { laptop, attacker } = lab.hosts
    const on = stage(scratch)
    const sshd = await startSshd(server, scratch)
    writeCommands(scratch, sshd.client("HOST"))

    narrate("Three hosts in a private network: a server with a real sshd, your laptop, and an attacker.")
    narrate("The server runs postern with this door. Port 22 is hidden:")
    say(colour.dim(CONFIGURATION.trimEnd()))
    const daemon = await lab.startDaemon(CONFIGURATION)
    let shown = 0
    const showLog = () => {
        for (const line of daemon.log.all.slice(shown)) if (line !== "") say(colour.dim(`  ${line}`))
        shown = daemon.log.all.length
    }
    say(`${colour.bold("server$")} postern run`)
    showLog()

    narrate("\nThe attacker scans every port, in order, as a scanner does. Nothing is there, and nothing opens:")
    const scan = "nmap -n -Pn -r -p- --min-rate 15000 10.77.0.1"
    await on(attacker, scan, { expect: /All 65535 scanned ports .* (closed|ignored)/, timeout: 60_000 })

    narrate("\nYour laptop has not knocked either, so ssh is refused, as by a host that has no ssh at all:")
    await on(laptop, "ssh guest@10.77.0.1", { expect: /Connection refused/, fails: true })

    narrate("\nNow the knock: three packets, in order, to ports that stay closed.")
    await on(laptop, "postern knock 10.77.0.1 32144 21312:udp 27015 --wait tcp/22", {})
    await daemon.log.waitFor(/\bopen: tcp\/22/)
    const opened = performance.now()
    const came = 'echo "hello, $(id -un): $SSH_CONNECTION"'
    await on(laptop, `ssh guest@10.77.0.1 '${came}'`, { expect: /hello, guest: 10\.77\.0\.2 / })

    narrate("\nA second session, to be left open: it sends back every line it is sent.")
    const session = laptop.start([join(scratch, "bin", "ssh"), "guest@10.77.0.1", "cat"], { stdio: "pipe" })
    const answers = collectLines(session, session.stdout!)
    say(`${colour.bold("laptop$")} ssh guest@10.77.0.1 cat`)
    await exchange("are you there?")

    narrate("\nIt is open for your laptop only. The attacker, at the same moment:")
    await on(attacker, "nc -v -n -z 10.77.0.1 22", { expect: /refused/, fails: true })

    narrate(
        `\nThe grant is in the kernel, with its own clock, and ends after ${OPEN_SECONDS} s even if postern is dead:`,
    )
    must(/expires/.test(listTable(server)), "the grant is in the table")
    await on(server, "nft list set inet postern open4", { expect: /10\.77\.0\.2/ })

    const left = Math.max(0, OPEN_SECONDS - (performance.now() - opened) / 1000)
    narrate(`\nWait ${left.toFixed(1)} s for its end ...`)
    await pause(left * 1000)
    must((await untilPort("refused", laptop, "10.77.0.1", 22, 5000)) === "refused", "the door closes by itself")
    await on(laptop, "ssh guest@10.77.0.1", { expect: /Connection refused/, fails: true })
    narrate("\nClosed for new connections. The session that is open lives on:")
    await exchange("still there?")
    session.stdin?.end()

    narrate("\nWhat the server's log says of all this. The scan met a first port, and spoiled itself with the next:")
    must(await eventually(() => daemon.log.all.some((line) => line.includes("closed"))), "the log says closed")
    showLog()
    must(daemon.log.all.filter((line) => /\bopen: /.test(line)).length === 1, "one knock opened one door, once")
    must((await daemon.stop()) === 0, "the daemon ends well")

    async function exchange(line: string): Promise<void> {
        const from = answers.all.length
        session.stdin?.write(`${line}\n`)
        await answers.waitFor(/\?/, { from, timeout: 5000 })
        say(`${line}\n${answers.all[from]}`)
        must(answers.all[from] === line, "the session answers")
    }
}

type Expectation = { readonly expect?: RegExp; readonly fails?: boolean; readonly timeout?: number }

/** Runs and shows one command on a host, with the demo's `ssh` and `postern` in its path. */
function stage(scratch: string) {
    return async (host: Host, command: string, { expect, fails = false, timeout = 20_000 }: Expectation) => {
        say(`${colour.bold(`${host.name.split("-").at(-1)}$`)} ${command}`.replace("gateway$", "server$"))
        const env = { PATH: `${join(scratch, "bin")}:${process.env["PATH"] ?? ""}` }
        const { status, stdout, stderr } = await host.run(["sh", "-c", command], { env, timeout })
        const output = `${stdout}${stderr}`.trim()
        for (const line of output.split("\n")) if (line.trim() !== "") say(line.trimEnd())
        must((status === 0) !== fails, `\`${command}\` ${fails ? "fails" : "succeeds"}`)
        must(expect === undefined || expect.test(output), `\`${command}\` answers ${expect}`)
    }
}

/** `ssh` with this demo's keys and `postern` from this checkout, under their own names. */
function writeCommands(scratch: string, client: readonly string[]): void {
    const bin = join(scratch, "bin")
    mkdirSync(bin)
    const [program, ...options] = client.slice(0, -1).map((word) => `'${word}'`)
    const script = [
        "#!/bin/sh",
        `PATH='${process.env["PATH"] ?? ""}'; export PATH`,
        `exec ${program} ${options.join(" ")} "$@"`,
        "",
    ]
    writeFileSync(join(bin, "ssh"), script.join("\n"), { mode: 0o755 })
    symlinkSync(POSTERN, join(bin, "postern"))
}

function must(held: boolean, what: string): void {
    if (!held) throw new Error(`this did not turn out as told: ${what}`)
}

function narrate(text: string): void {
    const lines = text.split("\n")
    for (const line of lines) say(line === "" ? "" : colour.cyan(`# ${line}`))
}

function say(line: string): void {
    process.stdout.write(`${line}\n`)
}
