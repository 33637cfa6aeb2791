/** Who gets one-time sequences, as the operator's file about them says (spec/one-time.md, section 1). */
import type { Recipient } from "./recipient.ts"

/** A person or device with keys. */
export type Knocker = {
    readonly name: string
    /** Any of these keys reads the bundle; at least one. */
    readonly recipients: readonly Recipient[]
    /** The doors that open for them, by name; null: all that have one-time sequences. */
    readonly doors: readonly string[] | null
    /** How often the operator has had the sequences made anew. */
    readonly generation: number
}
