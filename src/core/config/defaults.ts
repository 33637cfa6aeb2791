/** What holds where a configuration says nothing, and the limits of what it may say. Times are milliseconds. */
import { NEW_CONNECTION } from "../knock/language.ts"
import { MAX_HITS } from "../knock/limits.ts"
import { type Network, parseNetwork } from "../net/address.ts"
import type { Gateway } from "./config.ts"

const EVERYONE: readonly Network[] = ["0.0.0.0/0", "::/0"].map((text) => parseNetwork(text)!)

/** [gateway]. The log group is one that no usual program takes: ulogd and its relatives count from 0. */
export const GATEWAY = {
    interfaces: "auto",
    state: "/var/lib/postern",
    audit: true,
    socket: "/run/postern/control",
    socketGroup: null,
    capture: "auto",
    firewall: "auto",
    mark: 0,
    services: [],
    uniform: false,
    logGroup: 7464,
    attempts: 262_144,
    grants: 16_384,
    grace: null,
} as const satisfies Gateway

/** [[door]] and its tables. */
export const DOOR = {
    for: 30_000,
    uses: null,
    network: { v4: 32, v6: 128 },
    hide: false,
    sources: EVERYONE,
    within: 15_000,
    flags: NEW_CONNECTION,
    after: 10_000,
    timeout: 30_000,
} as const

/** [[hook]] */
export const HOOK = { timeout: 10_000 } as const

/** [door.one_time] */
export const ONE_TIME = {
    length: 4,
    window: 10,
    within: 15_000,
    protocols: ["tcp"],
    ports: { from: 10_100, to: 32_000 },
} as const

/** [bundles] and [[bundles.publish]] */
export const BUNDLES = {
    users: "users.d",
    url: "",
    lifetime: 30 * 86_400_000,
    every: 86_400_000,
    files: 0,
    timeout: 60_000,
} as const

/** Least and most, both allowed. Ours: chosen so that no value can hurt memory or timers. */
export const LIMITS = {
    logGroup: [1, 65_535],
    attempts: [1024, 4_194_304],
    grants: [16, 1_048_576],
    grace: [1000, 86_400_000],
    /** Of `postern hide`, not of a configuration. */
    trial: [1000, 3_600_000],
    for: [1000, 7 * 86_400_000],
    network4: [24, 32],
    network6: [48, 128],
    within: [100, 600_000],
    after: [0, 7 * 86_400_000],
    timeout: [1000, 3_600_000],
    hookTimeout: [1000, 300_000],
    hookDoors: [1, 64],
    events: [1, 4],
    length: [3, 8],
    window: [1, 100],
    protocols: [1, 3],
    lifetime: [3_600_000, 366 * 86_400_000],
    every: [60_000, 31 * 86_400_000],
    files: [0, 1_000_000],
    publish: [0, 16],
    publishTimeout: [1000, 3_600_000],
    /** Entries of a list. (A single hit has a reason of its own: every scan finds it.) */
    hits: [1, MAX_HITS],
    opens: [0, 64],
    closes: [0, 64],
    services: [0, 1024],
    interfaces: [1, 64],
    networks: [1, 1024],
    always: [0, 1024],
    target: [1, 64],
    at: [0, 64],
    leadTo: [0, 2],
    arguments: [1, 64],
    /** Of a knocker. */
    keys: [1, 32],
    knockerDoors: [1, 64],
    generation: [0, 4_294_967_295],
} as const satisfies Readonly<Record<string, readonly [number, number]>>

/** Ours: doors over all files. */
export const MAX_DOORS = 16_384
/** Ours: hooks over all files. */
export const MAX_HOOKS = 64
/** Ours: knockers, each in a file of their own. */
export const MAX_KNOCKERS = 131_072
/** Ours: problems that are shown. Whoever has more mends these first. */
export const MAX_PROBLEMS = 1000
/** Different combinations of flags and target over all doors: each costs a look at every packet. */
export const MAX_VIEWS = 64
/** Different prefix lengths of one family in `network`, over all doors: each costs every packet a look-up. */
export const MAX_LENGTHS = 4
