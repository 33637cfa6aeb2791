/**
 * `postern knock-compat`, and what runs when the program is called as `knock`: a drop-in for the client of knockd 0.8.
 * The same arguments, texts, packets and exit codes; where it does otherwise on purpose, docs/postern-knock-compat.1.md
 * names it and says why. One file of the program (tools/build.mjs): scripts wait for it.
 */
import { socketKnocker } from "../../adapters/knocker/sockets.ts"
import { SYN } from "../../core/net/packet.ts"
import { EXIT, type ExitCode } from "../../voice/exit.ts"
import { printable } from "../../voice/printable.ts"
import { delayText, portText, USAGE, versionText } from "../texts/knock-compat.ts"
import { type Speaker, send } from "./client.ts"
import { readRequest } from "./request.ts"
import { hostServices } from "./services.ts"

declare const POSTERN_VERSION: string

/** Where text goes, ends of lines included. */
type Streams = { readonly out: (text: string) => void; readonly error: (text: string) => void }

/** Carries out one command line and gives the exit code: 0, or 1 for everything that is wrong. */
export async function knockCompat(words: readonly string[], streams: Streams = ofProcess()): Promise<ExitCode> {
    const speaker: Speaker = {
        out: (line) => streams.out(`${printable(line)}\n`),
        error: (line) => streams.error(`${printable(line)}\n`),
    }
    const request = readRequest(words, hostServices(), process.env["POSIXLY_CORRECT"] !== undefined)
    if (request.ask === "version") {
        speaker.out(versionText(POSTERN_VERSION))
        return EXIT.ok
    }
    if (request.ask === "usage") {
        if (request.mistake !== null) speaker.error(`knock: ${request.mistake}`)
        speaker.out(USAGE)
        return EXIT.failed
    }
    if (request.ask === "nothing") {
        if ("delay" in request) speaker.error(delayText(request.delay))
        else for (const problem of request.ports) speaker.error(portText(request.host, problem))
        return EXIT.failed
    }
    const knocker = socketKnocker({ source: null, sourcePort: null, interface: null, flags: SYN })
    try {
        return await send(request.knock, knocker, speaker)
    } finally {
        knocker.close()
    }
}

/** Standard output and error. Whoever stops reading `-v` does not stop the knock halfway. */
function ofProcess(): Streams {
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
    return { out: (text) => void process.stdout.write(text), error: (text) => void process.stderr.write(text) }
}
