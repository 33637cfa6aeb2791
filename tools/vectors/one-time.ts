/**
 * One-time sequences (spec/one-time.md), made here by a second, plain implementation of that page: the tests hold ours
 * against what it writes.
 */
import { createHash, createHmac } from "node:crypto"

/** What one vector holds. Bytes are in hexadecimal. */
export type OneTimeVector = {
    readonly spec: string
    readonly master: string
    readonly knocker: { readonly name: string; readonly recipients: readonly string[]; readonly generation: number }
    readonly door: string
    readonly pool: {
        readonly protocols: readonly ("tcp" | "udp" | "icmp")[]
        readonly from: number
        readonly to: number
        readonly services: readonly { readonly protocol: "tcp" | "udp"; readonly port: number }[]
    }
    readonly length: number
    /** What comes of it. */
    readonly knockerKey: string
    readonly doorKey: string
    readonly counter: string
    readonly poolSize: number
    /** Counter to hits, written as in the knock language. */
    readonly sequences: readonly { readonly n: number; readonly hits: string }[]
}

type Given = Pick<OneTimeVector, "knocker" | "door" | "pool" | "length">

const MASTER = createHash("sha256").update("postern one-time vectors").digest()
const NEVER = [
    1194, 1433, 1521, 1719, 1720, 1723, 1883, 2049, 2082, 2083, 2181, 2222, 2375, 3000, 3128, 3306, 3389, 3659, 4045,
    4190, 4443, 5000, 5060, 5061, 5353, 5432, 5555, 5672, 5900, 5901, 5938, 6000, 6379, 6443, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 7547, 8000, 8008, 8080, 8081, 8443, 8888, 9000, 9090, 9100, 9200, 10000, 10080, 11211,
    25565, 27017, 32400, 51820,
]
const ALICE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh0UVNJT0tFTk5PVEFLRVlCVVRUSElSVFlUV09CWVRF"
const COUNTERS = [0, 1, 2, 9, 1000, 2 ** 32, 2 ** 53 - 1]
/** Counters at which the plain words do not do: one is not below the limit, or a hit is drawn twice. Found by trying. */
const LEFT_OUT: Readonly<Record<string, { readonly word: number; readonly twice: number }>> = {
    "all-protocols-services-left-out": { word: 11_818, twice: 7675 },
    "small-pool": { word: 669_785, twice: 119 },
    "tcp-alone": { word: 94_925, twice: 804 },
}

const cases: Readonly<Record<string, Given>> = {
    "tcp-alone": {
        knocker: { name: "alice", recipients: [ALICE], generation: 0 },
        door: "ssh",
        pool: { protocols: ["tcp"], from: 10_100, to: 32_000, services: [] },
        length: 4,
    },
    "rotated-once": {
        knocker: { name: "alice", recipients: [ALICE], generation: 1 },
        door: "ssh",
        pool: { protocols: ["tcp"], from: 10_100, to: 32_000, services: [] },
        length: 4,
    },
    "two-keys-in-any-order": {
        knocker: { name: "alice", recipients: [KEY, ALICE], generation: 0 },
        door: "ssh",
        pool: { protocols: ["tcp"], from: 10_100, to: 32_000, services: [] },
        length: 4,
    },
    "all-protocols-services-left-out": {
        knocker: { name: "bob.laptop", recipients: [KEY], generation: 7 },
        door: "wiki",
        pool: {
            protocols: ["icmp", "udp", "tcp"],
            from: 1,
            to: 65_535,
            services: [
                { protocol: "tcp", port: 2200 },
                { protocol: "udp", port: 5000 },
            ],
        },
        length: 8,
    },
    "small-pool": {
        knocker: { name: "x", recipients: [ALICE], generation: 0 },
        door: "ssh",
        pool: { protocols: ["icmp"], from: 1, to: 2, services: [] },
        length: 8,
    },
}

/** Path below `vectors/` to contents. */
export const oneTimeVectors: Readonly<Record<string, OneTimeVector>> = Object.fromEntries(
    Object.entries(cases).map(([name, given]) => [`one-time/${name}.json`, vectorOf(name, given)]),
)

function vectorOf(name: string, given: Given): OneTimeVector {
    const { knocker, door, pool, length } = given
    const counters = [...COUNTERS, ...Object.values(LEFT_OUT[name] ?? {})]
    const lines = [...knocker.recipients].sort().map((line) => `${line}\n`)
    const keys = createHash("sha256").update(lines.join("")).digest()
    const knockerKey = H(MASTER, "postern one-time knocker", `${knocker.name}\0`, keys, u64(knocker.generation))
    const doorKey = H(knockerKey, "postern one-time door", door)
    const hits = poolOf(pool)
    return {
        spec: "spec/one-time.md",
        master: MASTER.toString("hex"),
        ...given,
        knockerKey: knockerKey.toString("hex"),
        doorKey: doorKey.toString("hex"),
        counter: H(doorKey, "postern one-time counter").toString("hex").slice(0, 32),
        poolSize: hits.length,
        sequences: counters.map((n) => ({ n, hits: sequence(doorKey, hits, length, n).join(" ") })),
    }
}

function poolOf({ protocols, from, to, services }: OneTimeVector["pool"]): string[] {
    const hits: string[] = []
    for (const protocol of ["tcp", "udp"] as const) {
        if (!protocols.includes(protocol)) continue
        for (let port = Math.max(from, 1024); port <= to; port++) {
            const service = services.some((one) => one.protocol === protocol && one.port === port)
            if (!NEVER.includes(port) && !service) hits.push(protocol === "tcp" ? `${port}` : `${port}:udp`)
        }
    }
    if (protocols.includes("icmp")) for (let size = 100; size <= 1300; size++) hits.push(`icmp:${size}`)
    return hits
}

function sequence(key: Buffer, pool: readonly string[], length: number, n: number): string[] {
    const hits: string[] = []
    const words = 4294967296
    for (let block = 0; hits.length < length; block++) {
        const bytes = H(key, "postern one-time sequence", u64(n), u32(block))
        for (let i = 0; i < 8 && hits.length < length; i++) {
            const word = bytes.readUInt32BE(4 * i)
            if (word >= words - (words % pool.length)) continue
            const hit = pool[word % pool.length]!
            if (!hits.includes(hit)) hits.push(hit)
        }
    }
    return hits
}

function H(key: Buffer, text: string, ...parts: (string | Buffer)[]): Buffer {
    const mac = createHmac("sha256", key).update(`${text}\0`, "latin1")
    for (const part of parts) mac.update(part)
    return mac.digest()
}

function u64(n: number): Buffer {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt(n))
    return bytes
}

function u32(n: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(n)
    return bytes
}
