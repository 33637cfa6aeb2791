/** One end of a control socket in a process of its own, to be killed: `listen PATH` or `hang PATH`. Prints `ready`. */
import { connect } from "node:net"
import { listenControl } from "../../src/adapters/control/server.ts"

const [what, path] = process.argv.slice(2)
if (what === "listen") {
    const server = await listenControl({
        path: path!,
        group: null,
        answer: () => ({ ok: true, answer: "revoke", grants: 0, orphans: 0 }),
        trouble: (text) => process.stderr.write(`${text}\n`),
    })
    process.stdout.write(typeof server === "string" ? `${server}\n` : "ready\n")
} else {
    connect(path!).on("connect", () => process.stdout.write("ready\n"))
}
