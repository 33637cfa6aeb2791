/** `postern user link`: the enrolment link of a knocker (spec/enrolment.md), which is no secret. */
import { formatLink } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { askOnce } from "../control/ask.ts"

/** Which keys read a file. */
const FILES: Readonly<Record<string, string>> = {
    age: "with age and SSH keys",
    "age-pq": "with hybrid keys of age",
    openpgp: "with OpenPGP keys",
}

/** Prints the link, on a terminal as a QR code, too; the key of the gateway beside it, to be compared by telephone. */
export async function link(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const answer = await askOnce({ ask: "bundle", knocker: name, secret: false }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { url, gateway, place, known, files } = answer
    if (url === "") {
        terminal.error(
            "the gateway does not know where its files are found",
            "give [bundles] its `url` (postern.toml(5))",
        )
        return EXIT.configuration
    }
    const text = formatLink({ url, gateway, knocker: name, key: answer.key, place })
    if (options.json === true) {
        terminal.out(JSON.stringify({ version: 1, name, link: text, gateway, key: answer.key, place, known, files }))
        return EXIT.ok
    }
    terminal.out(text)
    if (options.qr ?? process.stdout.isTTY) await drawCode(text, terminal)
    terminal.say(`postern: the gateway's key is ${answer.key}`)
    for (const { kind, name: file } of files) terminal.say(`postern: for curl, ${FILES[kind] ?? kind}: ${url}${file}`)
    if (!known) terminal.say(`postern: ${name} has no key here yet: postern user add ${name} --key KEY`)
    return EXIT.ok
}

/** In colours of its own where there are colours: then it is dark on light, whatever the terminal's are. */
async function drawCode(text: string, terminal: Terminal): Promise<void> {
    const { qrLines } = await import("../texts/qr.ts")
    const { black, bgWhiteBright, isColorSupported } = terminal.colour
    const lines = qrLines(text, isColorSupported)
    const [width, columns] = [lines[0]!.length, process.stdout.columns]
    if (process.stdout.isTTY && columns < width) {
        terminal.say(`postern: the QR code needs ${width} columns, and this terminal has ${columns}`)
        return
    }
    for (const line of lines) terminal.out(line, (text) => bgWhiteBright(black(text)))
}
