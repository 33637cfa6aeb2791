/**
 * A gateway as its knockers see it: a web server with signed and sealed bundles, made by the program's own functions,
 * that can also do what a server should not.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { sealer } from "../../src/adapters/sealing/seal.ts"
import { generateSigningKey, type SigningKey, signBundle } from "../../src/adapters/sealing/sign.ts"
import { DIGESTS } from "../../src/adapters/system/digests.ts"
import { type Bundle, type BundleDoor, formatBundle, formatSigned } from "../../src/core/one-time/bundle.ts"
import { formatLink } from "../../src/core/one-time/link.ts"
import { fileNameOf, formatPlace, placeOf } from "../../src/core/one-time/place.ts"
import type { FileKind, Recipient } from "../../src/core/one-time/recipient.ts"

/** What one bundle differs in from the usual one. */
export type Different = Partial<Bundle> & {
    /** Signed with these, one after the other. */
    readonly signers?: readonly SigningKey[]
    /** The text that is sealed, made otherwise. */
    readonly spoil?: (text: string) => string
}

/** The server, until it is closed. */
export type Publisher = {
    readonly url: string
    /** For the knocker anna. */
    readonly link: string
    /** Of the file of this kind, below `url`. */
    readonly file: (kind: FileKind) => string
    readonly signer: SigningKey
    /** The text of a bundle, signed. */
    readonly text: (different?: Different) => string
    /** Seals a bundle and serves it from then on. */
    readonly publish: (recipients: readonly Recipient[], kind: FileKind, different?: Different) => Promise<Uint8Array>
    /** Serves these bytes. */
    readonly put: (kind: FileKind, file: Uint8Array | null) => void
    /** From now on all requests are answered so; null: as usual. */
    readonly misbehave: (answer: RequestListener | null) => void
    /** `METHOD PATH STATUS` of each answer since the last call. */
    readonly answered: () => readonly string[]
    readonly close: () => Promise<void>
}

/** How it is set up. */
export type PublisherOptions = {
    readonly gateway: string
    readonly doors: readonly BundleDoor[]
    readonly tls?: { readonly key: string; readonly cert: string }
}

/** Starts it on a port of loopback that is free. */
export async function startPublisher({ gateway, doors, tls }: PublisherOptions): Promise<Publisher> {
    const signer = generateSigningKey()
    const place = placeOf(DIGESTS, signer.key, "anna")
    const files = new Map<string, Uint8Array>()
    const answers: string[] = []
    let misbehaviour: RequestListener | null = null
    const listener = (request: IncomingMessage, response: ServerResponse) => {
        response.on("close", () => answers.push(`${request.method} ${request.url} ${response.statusCode}`))
        if (misbehaviour !== null) return misbehaviour(request, response)
        const file = files.get(request.url ?? "")
        const etag = file && `"${Buffer.from(DIGESTS.sha256(file)).toString("hex")}"`
        if (file === undefined) response.writeHead(404).end()
        else if (request.headers["if-none-match"] === etag) response.writeHead(304).end()
        else response.writeHead(200, { etag }).end(file)
    }
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on a port
    const { port } = server.address() as AddressInfo
    const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/knock/`
    let serial = 100

    const text = ({ signers = [signer], spoil = (same) => same, ...different }: Different = {}) => {
        const now = Math.floor(Date.now() / 1000) * 1000
        const bundle: Bundle = {
            gateway,
            knocker: "anna",
            serial: ++serial,
            made: now,
            until: now + 86_400_000,
            keys: signers.map(({ key }) => base64(key)),
            doors,
            ...different,
        }
        const signed = formatBundle(bundle)
        return spoil(formatSigned({ signed, signatures: signers.map((one) => base64(signBundle(one, signed))) }))
    }
    const path = (kind: FileKind) => `/knock/${fileNameOf(DIGESTS, place, kind)}`
    return {
        url,
        link: formatLink({ url, gateway, knocker: "anna", key: base64(signer.key), place: formatPlace(place) }),
        file: (kind) => fileNameOf(DIGESTS, place, kind),
        signer,
        text,
        async publish(recipients, kind, different) {
            const sealed = await sealer.seal(Buffer.from(text(different)), kind, recipients, Date.now())
            if (!sealed.ok) throw new Error(sealed.detail)
            files.set(path(kind), sealed.file)
            return sealed.file
        },
        put: (kind, file) => (file === null ? files.delete(path(kind)) : files.set(path(kind), file)),
        misbehave: (answer) => {
            misbehaviour = answer
        },
        answered: () => answers.splice(0),
        close: () =>
            new Promise((resolve) => {
                server.close(() => resolve())
                server.closeAllConnections()
            }),
    }
}

function base64(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64")
}
