/** What can be wrong with a host, as facts: `catalogue.ts` has the sentences. Services, addresses and times are texts. */
import type { KernelFeature } from "./facts.ts"

/**
 * `broken`: it does not do what the configuration says. `unsafe`: more can come in, or more can be seen, than was meant.
 * `note`: worth knowing.
 */
export type Severity = "broken" | "unsafe" | "note"

/** One finding. */
export type Finding =
    // The daemon and its configuration
    | { readonly code: "configuration"; readonly severity: Severity; readonly place: string; readonly message: string }
    | { readonly code: "daemon-absent"; readonly service: boolean }
    | { readonly code: "not-at-boot"; readonly unit: string }
    | { readonly code: "table-lost" }
    | { readonly code: "configuration-newer" }
    | { readonly code: "daemon-trouble"; readonly part: string; readonly trouble: string }
    | { readonly code: "target-fails"; readonly target: string; readonly trouble: string; readonly failures: number }
    | { readonly code: "daemon-said"; readonly level: string; readonly text: string; readonly times: number }
    // Services
    | {
          readonly code: "answers"
          readonly service: string
          readonly at: readonly string[]
          readonly table: boolean
          readonly daemon: boolean
      }
    | { readonly code: "published"; readonly service: string; readonly daemon: boolean }
    | { readonly code: "refused"; readonly service: string; readonly at: readonly string[] }
    | { readonly code: "spared"; readonly service: string }
    | { readonly code: "not-led"; readonly service: string; readonly at: readonly string[]; readonly unit: boolean }
    | { readonly code: "led-once"; readonly service: string }
    | { readonly code: "half-led"; readonly service: string; readonly family: "IPv4" | "IPv6" }
    | { readonly code: "nothing-listens"; readonly service: string }
    | { readonly code: "udp-inside"; readonly service: string }
    | { readonly code: "own-range"; readonly service: string; readonly range: Range; readonly better: Range }
    | { readonly code: "filtered"; readonly service: string; readonly filter: string; readonly open: string }
    // Other firewalls
    | { readonly code: "manager"; readonly name: string }
    | { readonly code: "managers"; readonly names: readonly string[] }
    | { readonly code: "flushes"; readonly file: string; readonly daemon: boolean }
    | { readonly code: "legacy"; readonly tables: readonly string[] }
    // The host
    | { readonly code: "kernel-lacks"; readonly feature: KernelFeature }
    | { readonly code: "clock-unsynchronised"; readonly needed: boolean }
    | { readonly code: "clock-behind"; readonly file: string; readonly by: string }
    | { readonly code: "watches-nothing" }
    | { readonly code: "interface-missing"; readonly name: string }
    | { readonly code: "unwatched"; readonly names: readonly string[] }
    | { readonly code: "reverse-path"; readonly name: string }
    | { readonly code: "route-localnet"; readonly name: string }
    | { readonly code: "arp-tells"; readonly address: string }
    | { readonly code: "not-forwarding"; readonly family: "IPv4" | "IPv6"; readonly address: string }
    | { readonly code: "nat-upstream"; readonly addresses: readonly string[] }
    // sshd and secrets
    | {
          readonly code: "sshd"
          readonly setting: SshdSetting
          readonly value: string
          readonly file: string
          readonly pid: number
      }
    | { readonly code: "secret-open"; readonly path: string; readonly mode: number; readonly excess: number }

/** Ports, the first and the last. */
type Range = readonly [number, number]

/** Settings of sshd that are looked at. */
export type SshdSetting =
    | "PermitEmptyPasswords"
    | "PasswordAuthentication"
    | "KbdInteractiveAuthentication"
    | "PermitRootLogin"

/** The finding of this code. */
export type Of<C extends Finding["code"]> = Extract<Finding, { code: C }>
