import type { FileKind, Recipient } from "../core/one-time/recipient.ts"

/** Encrypts. Adapter: `adapters/sealing`. */
export interface Sealer {
    /**
     * An armoured file that any of these recipients can read, all of one file kind (else it throws). `text` is a signed
     * bundle without padding: the file gets as much as makes it 4, 8, 16 … KiB long. Refusals name the recipient that
     * cannot receive at `now` (milliseconds since 1970), such as an expired certificate.
     */
    seal(text: Uint8Array, kind: FileKind, recipients: readonly Recipient[], now: number): Promise<Sealed>
}

/** An armoured file, or why there is none. `detail` is for people. */
export type Sealed =
    | { readonly ok: true; readonly file: Uint8Array }
    | { readonly ok: false; readonly line: string; readonly detail: string }

/** Decrypts with the identities it was made of. The browser page and the command line have one each. */
export interface Unsealer {
    unseal(file: Uint8Array): Promise<Unsealed>
}

/** The text of a file, or why not, as spec/bundle.md, section 3, numbers 1 and 2, has it. */
export type Unsealed =
    | { readonly ok: true; readonly text: Uint8Array }
    | { readonly ok: false; readonly code: "damaged" | "not-for-us" | "passphrase" | "failed"; readonly detail: string }
