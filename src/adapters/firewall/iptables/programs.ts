/** iptables and ipset as programs: there is no library of theirs that one could rely on. */
import { execFile, spawnSync } from "node:child_process"
import type { FirewallResult } from "../../../ports/firewall.ts"

/** Which iptables: that of the host, or one of the two that Debian has side by side. */
export type Variant = "" | "-legacy" | "-nft"

/** What a program said. */
export type Said = { readonly ok: true; readonly output: string } | { readonly ok: false; readonly error: string }

/** Others may be changing their rules: so long (s) it waits for the lock that all of them share. */
const PATIENCE_S = "5"
/** A program that hangs is killed (ms). */
const TIMEOUT_MS = 20_000
/** Ten thousand elements are half a megabyte. */
const MOST_BYTES = 64 << 20

/** `ipset ARGS`, with `input` to read. */
export function ipset(args: readonly string[], input = ""): Said {
    return run("ipset", args, input)
}

/** `iptables-save`, or `ip6tables-save`. */
export function saved(variant: Variant, ending: "4" | "6"): Said {
    return run(`${programOf(ending)}${variant}-save`, [], "")
}

/** The same without waiting for it. */
export function savedLater(variant: Variant, ending: "4" | "6", then: (said: Said) => void): void {
    execFile(
        `${programOf(ending)}${variant}-save`,
        { encoding: "utf8", timeout: TIMEOUT_MS, maxBuffer: MOST_BYTES },
        (error, output, wrong) => then(error === null ? { ok: true, output } : { ok: false, error: wrong }),
    )
}

/** `iptables-restore --noflush`: for each of its tables all or nothing. */
export function restore(variant: Variant, ending: "4" | "6", rules: string): Said {
    return run(`${programOf(ending)}${variant}-restore`, ["--noflush", "-w", PATIENCE_S], rules)
}

/** A refusal as the port has it. The programs say what is wrong in English, whatever the locale, and have few exit codes. */
export function toResult(said: Said): FirewallResult {
    if (said.ok) return { ok: true }
    const detail = said.error.trim().split("\n")[0] ?? ""
    const code = /is full|cannot add more/.test(detail)
        ? "full"
        : /not permitted|Permission denied|must be root/.test(detail)
          ? "denied"
          : /set with the given name does not exist/.test(detail)
            ? "missing"
            : "failed"
    return { ok: false, code, detail }
}

function programOf(ending: "4" | "6"): string {
    return ending === "4" ? "iptables" : "ip6tables"
}

function run(program: string, args: readonly string[], input: string): Said {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
        input,
        encoding: "utf8",
        timeout: TIMEOUT_MS,
        maxBuffer: MOST_BYTES,
    })
    if (error !== undefined) return { ok: false, error: `${program}: ${error.message}` }
    return status === 0 ? { ok: true, output: stdout } : { ok: false, error: stderr || `${program}: status ${status}` }
}
