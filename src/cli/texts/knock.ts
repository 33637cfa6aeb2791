/** The sentences of `postern knock`. */
import { nearest } from "../../core/config/suggest.ts"
import type { Service } from "../../core/knock/hit.ts"
import { formatDuration, formatService } from "../../core/knock/language.ts"
import type { Target } from "../../core/knock/plan.ts"
import type { ProfileProblem } from "../../core/knock/profile.ts"
import type { BundlePart } from "../../core/knock/profile-bundle.ts"
import { refusalText } from "../../core/knock/texts.ts"
import type { SendRefusal } from "../../ports/knocker.ts"
import type { Lost, Outcome, Progress } from "../knock/flow.ts"
import type { FileTrouble } from "../knock/profiles.ts"
import type { Mistake } from "../knock/request.ts"
import { systemText } from "./system.ts"

/** A sentence with its hints. */
export type Said = readonly [what: string, ...hints: readonly string[]]

/** The sentence of one fact out of a union with `code`. */
type Texts<F extends { readonly code: string }, R> = {
    readonly [C in F["code"]]: (fact: Extract<F, { readonly code: C }>) => R
}

/** Picks the sentence. The only cast: TypeScript cannot see that the code picks the matching function. */
function pick<F extends { readonly code: string }, R>(texts: Texts<F, R>, fact: F): R {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (texts[fact.code as F["code"]] as (fact: F) => R)(fact)
}

const UDP_WAIT = "only TCP services can be waited for: silence of a UDP port means open as well as closed or lost"

const MISTAKES: Texts<Mistake, string> = {
    refused: ({ where, word, refused }) => `${where}: ${refusalText(word, refused)}`,
    number: ({ where, least, most }) => `${where}: must be a whole number from ${least} to ${most}`,
    "too-long": ({ where }) => `${where}: at most 1h`,
    "udp-wait": () => `--wait: ${UDP_WAIT}`,
    host: () => "HOST: must be a host name, an address or the name of a profile",
    address: () => "--source: must be an IPv4 or IPv6 address of this machine, without prefix or port",
    interface: () => "--interface: not the name of an interface: 1 to 15 characters, no blank, no /",
    family: ({ family }) => `an IPv${family} address does not go with the other address, or with -4 or -6`,
    "both-sources": () => "give hits either as words or with --hits-file, not both",
    "too-many": ({ most }) => `more than ${most} hits: no door takes so many`,
}

/** What is wrong with a command line. */
export function mistakeText(mistake: Mistake): string {
    return pick(MISTAKES, mistake)
}

const PROBLEMS: Texts<ProfileProblem, string> = {
    syntax: ({ detail }) => `not valid TOML: ${detail}`,
    "unknown-key": ({ key, near }) =>
        `${JSON.stringify(key)} is not a key of a profile` + (near === null ? "" : `: did you mean ${near}?`),
    missing: () => "missing",
    type: ({ wanted }) => `should be ${wanted}`,
    refused: ({ word, refused }) => refusalText(word, refused, true),
    "udp-wait": () => UDP_WAIT,
    host: () => "must be a host name or an address",
    name: () => "not a name: 1 to 64 letters, digits, - _ or ., with a letter among them, and not a hit",
    "second-door": ({ name }) => `a second door called ${name}`,
    bundle: ({ part }) => BUNDLE_PARTS[part],
}

const BUNDLE_PARTS: Readonly<Record<BundlePart, string>> = {
    url: "must be an http or https address that ends with a slash, without user or query",
    gateway: "must be a host name or an address",
    knocker: "not the name of a knocker: 1 to 64 letters, digits, - _ . or :",
    key: "not a signing key: take it from the enrolment link",
    place: "not a place: take it from the enrolment link",
    identity: "must be the path of a file",
}

/** What is wrong with a profile. Holds no hit. */
export function profileProblemText(problem: ProfileProblem): string {
    return pick(PROBLEMS, problem)
}

const list = (words: readonly string[]): string => words.join(", ")

const TROUBLES: Texts<FileTrouble, Said> = {
    "no-profile": ({ name, known, folder }) => {
        const near = nearest(name, known)
        const what = `there is no profile ${JSON.stringify(name)} in ${folder}`
        if (near !== null) return [`${what}: did you mean ${near}?`]
        return known.length > 0 ? [what, `there are: ${list(known)}`] : [what]
    },
    unreadable: ({ file, detail }) => [
        `${file === "-" ? "standard input" : file}: cannot be read: ${systemText(detail)}`,
    ],
    "too-open": ({ file }) => [
        `${file}: others than you can read it, and it holds a secret`,
        `chmod 600 '${file.replaceAll("'", "'\\''")}'`,
    ],
    broken: ({ file, issues }) => [
        `${file}: ${issues.length === 1 ? "a problem" : `${issues.length} problems`} in this profile`,
        "postern-knock(1) says what stands in one; postern enroll LINK --replace makes one anew",
    ],
    "bad-hit": ({ file, number, refused }) => [
        `${file === "-" ? "standard input" : file}: hit ${number}: ${refusalText("hit", refused, true)}`,
    ],
    "no-hits": ({ file }) => [`${file === "-" ? "standard input" : file}: no hits in it`],
}

/** Why a profile or a file of hits cannot be used. */
export function fileTroubleText(trouble: FileTrouble): Said {
    return pick(TROUBLES, trouble)
}

/** A door was asked for where no profile is. */
export function noProfileText(host: string, door: string | null, folder: string): Said {
    const hint = `hits are written 32144, 21312:udp or icmp:321; doors need a profile: postern enroll LINK makes one, or write ${folder}/NAME.toml, see postern-knock(1)`
    return door === null
        ? [`no hits to send, and no profile for ${host}`, hint]
        : [
              `${JSON.stringify(door)} is not a hit, and there is no profile for ${host} that could know it as a door`,
              hint,
          ]
}

/** The profile does not have that door. */
export function noDoorText(host: string, door: string | null, known: readonly string[]): Said {
    if (door === null) return [`which door of ${host}?`, `there are: ${list(known)}`]
    const near = nearest(door, known)
    return [
        `${host} has no door ${JSON.stringify(door)}` + (near === null ? "" : `: did you mean ${near}?`),
        `there are: ${list(known)}`,
    ]
}

/** The name service gave nothing usable. */
export function notFoundText(host: string, code: string): Said {
    if (code === "EAI_AGAIN") return [`${host}: the name service does not answer`, "is this machine online?"]
    if (code === "FAMILY") return [`${host}: has no address of the wanted family`, "try without -4, -6 and --source"]
    return [`${host}: no such host`]
}

const REFUSALS: Readonly<Record<SendRefusal, Said>> = {
    unreachable: ["there is no way to it from here"],
    source: ["the address of --source is not one of this machine, or cannot reach it"],
    "source-port": ["the port of --source-port is in use"],
    "privileged-port": ["no permission for a --source-port below 1024", "take one from 1024 on, or use sudo"],
    interface: ["there is no such interface", "ip -brief link shows those there are"],
    "echo-denied": [
        "no permission to send echo requests",
        'sudo sysctl -w net.ipv4.ping_group_range="0 2147483647" lets everyone on this machine do it',
        "or install ping (Debian package iputils-ping), or use sudo",
    ],
    "raw-denied": [
        "no permission to send TCP packets with these flags: that takes CAP_NET_RAW",
        "use sudo, or knock without --flags if the door takes a plain SYN",
    ],
    denied: ["this machine does not let the packet out: its packet filter or a security policy forbids it"],
    size: ["the packet is larger than the way to it allows"],
    failed: ["the packet could not be sent"],
}

/** Why a target could not be used. */
export function lostText({ target, code, detail }: Lost): Said {
    const [what, ...hints] = REFUSALS[code]
    return [`${target.address}: ${what}${detail === "" ? "" : ` (${detail})`}`, ...hints]
}

const family = (target: Target): string => `${target.address} (IPv${target.family})`

type Result = (outcome: Outcome, host: string, service: string) => Said

const RESULTS: Readonly<Record<Outcome["result"], Result>> = {
    opened: ({ answers }, _host, service) => [
        `opened: ${service} answers at ` +
            list(answers.map(({ target, ms }) => `${family(target)} after ${Math.round(ms)} ms`)),
    ],
    "already-open": ({ answers }, _host, service) => [
        `already open: ${service} answers at ${list(answers.map(({ target }) => family(target)))}`,
    ],
    sent: ({ hits }, host) => [`sent: ${hits === 1 ? "1 hit" : `${hits} hits`} to ${host}`],
    "not-opened": ({ tries }, host, service) => [
        `${service} of ${host} does not answer after ${tries === 1 ? "one knock" : `${tries} knocks`}`,
        "wrong hits, an old profile, a filter on the way, or a door that opens something else? " +
            "Try a longer --delay; the gateway's log says how far the knock came",
    ],
    "none-left": (_outcome, host) => [
        `${host}: every sequence of the bundle is used up, and no newer one could be fetched`,
        "the gateway publishes anew after each use: try again with a way to it, or ask the operator",
    ],
    unreachable: (_outcome, host) => [`${host}: could not knock`],
    interrupted: () => ["interrupted"],
}

/** The result for people: one line of data, or the sentence of a failure with its hints. */
export function resultText(outcome: Outcome, host: string, service: Service | null): Said {
    return RESULTS[outcome.result](outcome, host, service === null ? "" : formatService(service))
}

/** The progress line. Says how far, never which hit. */
export function progressText(host: string, service: Service | null, what: Progress): string {
    const name = service === null ? "" : formatService(service)
    if (what.doing === "asking") return `${host}: is ${name} open already?`
    const again = what.try > 1 ? ` (try ${what.try})` : ""
    if (what.doing === "hit") return `${host}: hit ${what.number} of ${what.of}${again}`
    return `${host}: waiting for ${name}, ${formatDuration(Math.floor(what.ms / 100) * 100)}${again}`
}
