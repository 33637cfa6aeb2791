/** `postern user link`: the enrolment link of a knocker (spec/enrolment.md), which is no secret. */
import { formatLink } from "../../core/one-time/link.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import type { Terminal } from "../../voice/terminal.ts"
import type { UserOptions } from "../commands/user.ts"
import { askOnce } from "../control/ask.ts"

/** Prints the link; the key of the gateway beside it, to be compared by telephone. */
export async function link(name: string, options: UserOptions, terminal: Terminal): Promise<ExitCode> {
    const answer = await askOnce({ ask: "bundle", knocker: name, secret: false }, options.socket, terminal)
    if (typeof answer === "number") return answer
    const { url, gateway, place, known } = answer
    if (url === "") {
        terminal.error(
            "the gateway does not know where its files are found",
            "give [bundles] its `url` (postern.toml(5))",
        )
        return EXIT.configuration
    }
    const text = formatLink({ url, gateway, knocker: name, key: answer.key, place })
    if (options.json === true) {
        terminal.out(JSON.stringify({ version: 1, name, link: text, gateway, key: answer.key, place, known }))
        return EXIT.ok
    }
    terminal.out(text)
    if (options.qr === true) {
        const { default: encode } = await import("qr")
        for (const line of encode(text, "ascii").trimEnd().split("\n")) terminal.out(line)
    }
    terminal.say(`postern: the gateway's key is ${answer.key}`)
    if (!known) terminal.say(`postern: ${name} has no key here yet: postern user add ${name} --key KEY`)
    return EXIT.ok
}
