/** The sentences for keys that cannot receive files: what is wrong, and what to do instead. */
import { MAX_KEY_TEXT, type RecipientRefusal } from "./recipient.ts"
import { MAX_RSA, MIN_RSA } from "./ssh-line.ts"

/** What to do where a key can only sign. */
const INSTEAD = "give an age, ssh-ed25519, ssh-rsa or OpenPGP key; `postern keygen` makes one"

const TEXTS: Readonly<Record<RecipientRefusal, readonly [what: string, instead: string]>> = {
    empty: ["there is no key", "give a line such as age1… or ssh-ed25519 AAAA…, or an armoured OpenPGP certificate"],
    "too-long": [
        `this is longer than any key (${MAX_KEY_TEXT} characters)`,
        "export the certificate with `gpg --export-options export-minimal --armor --export NAME`",
    ],
    private: [
        "this is a private key, which must not leave its owner; it was neither kept nor shown",
        "give the public one: `age-keygen -y FILE`, `ssh-keygen -y -f FILE` or `gpg --armor --export NAME` prints it",
    ],
    damaged: [
        "this key is damaged: a letter of it is missing, too many or another",
        "copy it again, whole; age and SSH keys are one line",
    ],
    ecdsa: ["ECDSA keys of SSH can sign, but cannot receive files", INSTEAD],
    "security-key": ["the key is on a security key (sk-), which can sign, but cannot receive files", INSTEAD],
    dsa: ["DSA keys can sign, but cannot receive files", INSTEAD],
    "ssh-certificate": [
        "this is a certificate of SSH, not a key",
        "give the key that it was made for: the file ….pub beside it",
    ],
    "ssh-other": ["SSH keys of this type cannot receive files", INSTEAD],
    small: [`RSA keys of fewer than ${MIN_RSA} bits are no longer safe`, INSTEAD],
    large: [`RSA keys of more than ${MAX_RSA} bits are not supported`, INSTEAD],
    plugin: [
        "this is a recipient of an age plug-in or of a hardware key: to encrypt to it the gateway would have to run the plug-in",
        "give a plain age key (age1… or age1pq1…), made with `postern keygen` or `age-keygen`",
    ],
    putty: [
        "this is an SSH key in the form that PuTTY writes",
        "convert it: `ssh-keygen -i -f FILE` prints the line that is wanted",
    ],
    pem: [
        "this is a key in the form of OpenSSL",
        "convert it: `ssh-keygen -i -m PKCS8 -f FILE` prints the line that is wanted, if it is an RSA key",
    ],
    "openpgp-other": ["this is OpenPGP, but no certificate", "export it with `gpg --armor --export NAME`"],
    several: ["there is more than one line", "give each key for itself"],
    unknown: ["this is not a key that files can be encrypted to", INSTEAD],
}

/** What is wrong with the text, and what to do instead. The text is in neither: it may be a secret. */
export function recipientRefusal(code: RecipientRefusal): { readonly what: string; readonly instead: string } {
    const [what, instead] = TEXTS[code]
    return { what, instead }
}
