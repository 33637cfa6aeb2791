/** Certificates for servers of tests. */
import { spawnSync } from "node:child_process"

/** A key for TLS and a certificate for this host name or IPv4 address, signed by nobody but itself, made by openssl. */
export function makeCertificate(host: string, files: { readonly cert: string; readonly key: string }): void {
    const name = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=${/^[\d.]+$/.test(host) ? "IP" : "DNS"}:${host}`]
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    const argv = ["req", "-x509", ...kind, ...name, "-keyout", files.key, "-out", files.cert]
    const { status, stderr } = spawnSync("openssl", argv, { encoding: "utf8" })
    if (status !== 0) throw new Error(`openssl: ${stderr}`)
}
