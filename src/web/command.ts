/** `postern web`: serves published bundles to whoever asks. A process of its own, without any rights. */
import type { CliCommand } from "../voice/command.ts"
import { outliveReader } from "../voice/terminal.ts"

const EXAMPLES = `Examples:
  postern web                                           /var/lib/postern-web, on 127.0.0.1:8080
  postern web /srv/knock --listen 192.0.2.1:8080 --listen '[2001:db8::1]:8080'
  postern web --cert fullchain.pem --key privkey.pem --listen 0.0.0.0:8443
  postern web --page /                                  with the page that knocks
`

/** Where bundles are, unless somebody says otherwise. */
const DIRECTORY = "/var/lib/postern-web"

const collect = (value: string, before: readonly string[] = []) => [...before, value]

export const web: CliCommand = {
    define: (program, run) => {
        program
            .command("web")
            .summary("serves published bundles over HTTP, without any rights")
            .description("Serves the bundles of a directory that the daemon publishes into. SIGTERM ends it.")
            .addHelpText("before", EXAMPLES)
            .argument("[directory]", "where the daemon publishes", DIRECTORY)
            .option("--listen <place>", "ADDRESS:PORT to listen at (default: 127.0.0.1:8080); again for more", collect)
            .option("--cert <file>", "certificate chain for TLS (PEM), with --key; read again when it changes")
            .option("--key <file>", "its private key (PEM)")
            .option("--page <path>", "serve the page that knocks from a browser, at this path")
            .option("--access-log", "a line for each request, with names cut short and without addresses")
            .action((directory: string, options: WebOptions) =>
                run(async (terminal) => {
                    const { runWeb } = await import("./main.ts")
                    outliveReader()
                    return runWeb(directory, options, terminal)
                }),
            )
    },
}

/** What the command line asks for. */
export type WebOptions = {
    readonly listen?: readonly string[]
    readonly cert?: string
    readonly key?: string
    readonly page?: string
    readonly accessLog?: true
}
