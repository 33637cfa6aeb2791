/** Texts that people have of public keys, and what becomes of them (spec/bundle.md, section 4). */

/** Texts with what they are: the line that stands for the key, or why it can receive nothing. */
export type RecipientVector = {
    readonly spec: string
    readonly cases: readonly {
        readonly why: string
        readonly text: string
        readonly expect:
            | { readonly kind: string; readonly line: string; readonly comment: string }
            | { readonly certificate: true }
            | { readonly refused: string }
    }[]
}

type Case = RecipientVector["cases"][number]

const AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
const YUBIKEY = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"
const BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ\n-----END PGP PUBLIC KEY BLOCK-----"

const str = (bytes: string | Buffer) => {
    const body = Buffer.from(bytes)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    return Buffer.concat([length, body])
}
/** A line as OpenSSH writes it: the type, and in base64 the type again with the parts. */
const ssh = (type: string, ...parts: (string | Buffer)[]) =>
    `${type} ${Buffer.concat([type, ...parts].map(str)).toString("base64")}`
const point = Buffer.alloc(32, 0x58)
/** A number with the highest bit set, so with a zero before it, and odd. */
const modulus = (bits: number) => Buffer.concat([Buffer.alloc(1), Buffer.alloc(bits / 8, 0xd5)])
const E = Buffer.from([1, 0, 1])

const ED = ssh("ssh-ed25519", point)
const RSA = ssh("ssh-rsa", E, modulus(2048))

const accepted = (why: string, text: string, kind: string, line: string, comment = ""): Case => ({
    why,
    text,
    expect: { kind, line, comment },
})
const refused = (why: string, text: string, code: string): Case => ({ why, text, expect: { refused: code } })

const ACCEPTED: readonly Case[] = [
    accepted("age", AGE, "age", AGE),
    accepted("blanks around it", `  ${AGE}\r\n`, "age", AGE),
    accepted("ssh-ed25519", `${ED} anna@laptop`, "ssh-ed25519", ED, "anna@laptop"),
    accepted("without a comment", ED, "ssh-ed25519", ED),
    accepted("a comment of several words", `${ED} anna  at home\n`, "ssh-ed25519", ED, "anna  at home"),
    accepted("a comment with what terminals obey", `${ED} \x1b[31manna\x07`, "ssh-ed25519", ED, "[31manna"),
    accepted("tabs between the parts", ED.replace(" ", "\t"), "ssh-ed25519", ED),
    accepted("options before it", `no-pty,from="192.0.2.0/24" ${ED} x`, "ssh-ed25519", ED, "x"),
    accepted("an option with quotes and blanks in it", `command="echo \\"ssh-rsa AAAA\\"" ${ED}`, "ssh-ed25519", ED),
    accepted("ssh-rsa of 2048 bits", `${RSA} old`, "ssh-rsa", RSA, "old"),
    accepted(
        "ssh-rsa of 16384 bits",
        ssh("ssh-rsa", E, modulus(16_384)),
        "ssh-rsa",
        ssh("ssh-rsa", E, modulus(16_384)),
    ),
    { why: "OpenPGP is left to a library", text: `\n${BLOCK}\n`, expect: { certificate: true } },
]

const REFUSED: readonly Case[] = [
    refused("nothing", "", "empty"),
    refused("blanks", " \n\t", "empty"),
    refused("a word", "anna", "unknown"),
    refused("an address", "https://github.com/anna.keys", "unknown"),
    refused("a letter exchanged", AGE.replace("3z7", "3y7"), "damaged"),
    refused("a letter missing", AGE.slice(0, -1), "damaged"),
    refused("upper case, which bech32 allows and age does not", AGE.toUpperCase(), "damaged"),
    refused("a blank in it", `${AGE} anna`, "damaged"),
    refused("the beginning alone", "age1", "damaged"),
    refused("an age plug-in", YUBIKEY, "plugin"),
    refused("another age plug-in", "age1tpm1qg86fn5esp30u9h6jy6zvu9gcsvnac09vn8jzjxt8s3qtlcv5h2x287wm36", "plugin"),
    refused("ECDSA", ssh("ecdsa-sha2-nistp256", "nistp256", Buffer.alloc(65, 4)), "ecdsa"),
    refused("ECDSA on a security key", ssh("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256"), "security-key"),
    refused("Ed25519 on a security key", `${ssh("sk-ssh-ed25519@openssh.com", point, "ssh:")} yubi`, "security-key"),
    refused("the same with options", `no-pty ${ssh("sk-ssh-ed25519@openssh.com", point, "ssh:")}`, "security-key"),
    refused("DSA", ssh("ssh-dss", modulus(1024)), "dsa"),
    refused("a certificate of SSH", ssh("ssh-ed25519-cert-v01@openssh.com", point), "ssh-certificate"),
    refused("a key type of tomorrow", ssh("ssh-mldsa65", point), "ssh-other"),
    refused("RSA of 1024 bits", ssh("ssh-rsa", E, modulus(1024)), "small"),
    refused("RSA of 2040 bits", ssh("ssh-rsa", E, modulus(2040)), "small"),
    refused("RSA of 16392 bits", ssh("ssh-rsa", E, modulus(16_392)), "large"),
    refused("an even modulus", ssh("ssh-rsa", E, Buffer.concat([modulus(2040), Buffer.from([4])])), "damaged"),
    refused("the exponent 1", ssh("ssh-rsa", Buffer.from([1]), modulus(2048)), "damaged"),
    refused("a negative modulus", ssh("ssh-rsa", E, modulus(2048).subarray(1)), "damaged"),
    refused("zeros that are too many", ssh("ssh-rsa", E, Buffer.concat([Buffer.alloc(1), modulus(2048)])), "damaged"),
    refused("a point of 31 bytes", ssh("ssh-ed25519", point.subarray(1)), "damaged"),
    refused("something after the point", ssh("ssh-ed25519", point, "more"), "damaged"),
    refused("one type outside, another inside", RSA.replace("ssh-rsa", "ssh-ed25519"), "damaged"),
    refused("cut", ED.slice(0, -7), "damaged"),
    refused("no base64", "ssh-ed25519 anna@laptop", "damaged"),
    refused("the type alone", "ssh-ed25519", "damaged"),
    refused("two lines", `${ED}\n${RSA}`, "several"),
    refused("two ages", `${AGE}\n${AGE}`, "several"),
    refused("two certificates", `${BLOCK}\n${BLOCK}`, "several"),
    refused("a certificate without its end", BLOCK.slice(0, -5), "damaged"),
    refused("a message of OpenPGP", "-----BEGIN PGP MESSAGE-----\n", "openpgp-other"),
    refused("PuTTY's public form", "---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\n", "putty"),
    refused("OpenSSL's form", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", "pem"),
    refused("an age identity", `# public key: ${AGE}\nAGE-SECRET-KEY-1QQPQ\n`, "private"),
    refused("the same in lower case", "age-secret-key-1qqpq", "private"),
    refused("an identity of a plug-in", "AGE-PLUGIN-YUBIKEY-1QQPQ", "private"),
    refused("an SSH private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n", "private"),
    refused("an old SSH private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "private"),
    refused("an OpenPGP private key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n", "private"),
    refused("PuTTY's private form", "PuTTY-User-Key-File-3: ssh-ed25519\n", "private"),
    refused("a private key after a public one", `${ED}\n-----BEGIN OPENSSH PRIVATE KEY-----\n`, "private"),
]

const spec = "spec/bundle.md#4-encryption"

/** Path below `vectors/` to contents. */
export const recipientVectors: Readonly<Record<string, RecipientVector>> = {
    "recipients/accepted.json": { spec, cases: ACCEPTED },
    "recipients/refused.json": { spec, cases: REFUSED },
}
