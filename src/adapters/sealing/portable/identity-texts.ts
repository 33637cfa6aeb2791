/** The sentences for files of keys that cannot be used: what is wrong, and what to do instead. */
import type { IdentityRefusal } from "./identity.ts"

const TEXTS: Readonly<Record<IdentityRefusal, readonly [what: string, instead: string]>> = {
    empty: [
        "there is no key in it",
        "name a file that `postern keygen`, `age-keygen`, `ssh-keygen` or `gpg` has written",
    ],
    "too-long": ["it is longer than any file of keys", "name the file of one key"],
    public: [
        "this is a public key; the private one decrypts",
        "name the file without .pub, or the one that the key was made with",
    ],
    damaged: [
        "the key is damaged",
        "take it from a backup, or make another one and give its public part to the operator",
    ],
    "passphrase-needed": ["the key has a passphrase", "give it"],
    "passphrase-wrong": ["the passphrase is wrong", "try again"],
    "signs-only": [
        "SSH keys of this type (ECDSA, DSA, security keys) can sign, but cannot decrypt",
        "use an ed25519 or RSA key, or make one with `postern keygen`",
    ],
    cipher: [
        "the key is encrypted in a way that is too old or too slow",
        "encrypt it anew: `ssh-keygen -p -a 24 -f FILE`",
    ],
    pem: ["this is an old form of key files", "convert it in place: `ssh-keygen -p -f FILE`"],
    putty: ["this is a key file of PuTTY", "convert it: `puttygen FILE -O private-openssh-new -o NEW`"],
    plugin: ["this is an identity of an age plug-in, which only the program age can use", "decrypt with `age` instead"],
    elsewhere: [
        "the secret part of this OpenPGP key is elsewhere, as on a smartcard",
        "decrypt with `gpg` instead, which finds it",
    ],
    "no-webcrypto": [
        "browsers open RSA and OpenPGP keys only in pages that came by https",
        "open the page by https or from a file, or use a key of age or an ed25519 key",
    ],
    unknown: ["this is not a private key of age, OpenSSH or OpenPGP", "`postern keygen` makes one"],
}

/** What is wrong with a file of keys, and what to do instead. Nothing of the file is in either. */
export function identityRefusal(code: IdentityRefusal): { readonly what: string; readonly instead: string } {
    const [what, instead] = TEXTS[code]
    return { what, instead }
}
