/**
 * A name server for one namespace: NAME=ADDRESS[,ADDRESS...] as arguments, one address in each answer, in turns; every
 * other name does not exist. Only IPv4 addresses are known. Says `ready` when it answers on 127.0.0.1.
 */
import { createSocket } from "node:dgram"

const names = new Map(
    process.argv.slice(2).map((word) => {
        const [name = "", addresses = ""] = word.split("=")
        return [name, { addresses: addresses.split(","), asked: 0 }]
    }),
)
const [A, HEADER, NO_SUCH_NAME] = [1, 12, 3]

/** The answer to a query (RFC 1035, section 4): the header, its one question, and the address if there is one. */
function answer(query: Buffer): Buffer {
    const labels: string[] = []
    let at = HEADER
    for (let length = query[at]!; length > 0; length = query[at]!) {
        labels.push(query.toString("latin1", at + 1, at + 1 + length))
        at += 1 + length
    }
    const found = names.get(labels.join("."))
    const address =
        found && query.readUInt16BE(at + 1) === A ? found.addresses[found.asked++ % found.addresses.length] : ""
    const header = Buffer.from(query.subarray(0, HEADER))
    header.writeUInt16BE(0x8580 | (found === undefined ? NO_SUCH_NAME : 0), 2)
    for (const [offset, count] of [1, address ? 1 : 0, 0, 0].entries()) header.writeUInt16BE(count, 4 + offset * 2)
    const record = [0xc0, HEADER, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...(address ?? "").split(".").map(Number)]
    return Buffer.concat([header, query.subarray(HEADER, at + 5), Buffer.from(address ? record : [])])
}

const socket = createSocket("udp4")
socket.on("message", (query, from) => {
    // Not a query: the tests' hits come here too.
    if (query.length > HEADER) socket.send(answer(query), from.port, from.address)
})
socket.bind(53, "127.0.0.1", () => process.stdout.write("ready\n"))
