/** What one command does to a firewall, as far as that is what a grant of ours does, too. */
import type { Service } from "../../knock/hit.ts"
import type { ShellOnly } from "./words.ts"

/** One step of a command. */
export type Move =
    | { readonly move: "add" | "remove"; readonly reach: Reach }
    | { readonly move: "wait"; readonly ms: number }

/** What the knocker is let in to. */
export type Reach = {
    readonly services: readonly Service[]
    /** After so many milliseconds the kernel itself takes it back. */
    readonly ms: number | null
    /** What lets everybody in, once, at the same place; null: nothing that can be said in one command. */
    readonly admit: string | null
    /** What a grant of ours does not do as the command did. */
    readonly wider: readonly Wider[]
}

/** A condition of a rule that no grant has. */
export type Wider = { readonly by: "interface" | "zone"; readonly name: string }

/** Why a command is not taken for an opening. */
export type Why =
    | { readonly why: "shell"; readonly what: ShellOnly }
    | { readonly why: "program"; readonly program: string }
    | { readonly why: "word"; readonly program: string; readonly word: string }
    | { readonly why: "short"; readonly program: string }
    /** Not for the knocker alone. */
    | { readonly why: "source" }
    | { readonly why: "every-port" }
    | { readonly why: "protocol" }
    | { readonly why: "many" }
    | { readonly why: "chain"; readonly chain: string }
    | { readonly why: "forward" }
    | { readonly why: "verdict"; readonly verdict: string }
    | { readonly why: "set"; readonly set: string }
    | { readonly why: "later" }
    /** Steps that do not make an opening, or a closing, together. */
    | { readonly why: "mixed" }
    /** The stop command takes away something else. */
    | { readonly why: "other-stop" }
    /** Nothing that became a grant is closed by it. */
    | { readonly why: "no-twin" }

/** What each reader of a program's arguments gives. */
export type Understood = Move | Why

/** knockd's only token. */
export const TOKEN = "%IP%"

/** Is this the knocker, and nobody else? */
export function isKnocker(text: string): boolean {
    return [TOKEN, `${TOKEN}/32`, `${TOKEN}/128`, `${TOKEN}/255.255.255.255`].includes(text)
}

/** Does this chain filter what is sent to the host itself? Its name says so, or nothing does. */
export function whyNotInput(chain: string): Why | null {
    if (/input|^in[_-]/i.test(chain)) return null
    return /forward|fwd/i.test(chain) ? { why: "forward" } : { why: "chain", chain }
}
