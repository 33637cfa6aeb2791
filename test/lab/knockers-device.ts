/**
 * A device of a knocker with the built program, a home of its own and a server of bundles; the gate is a stand-in that counts
 * hits (tests with the real one are in test/e2e). To be asked for once in a file, whose tests then each have a fresh one.
 */
import { spawn, spawnSync } from "node:child_process"
import { createSocket, type Socket } from "node:dgram"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest"
import { readKey } from "../../src/adapters/sealing/read-key.ts"
import type { BundleDoor } from "../../src/core/one-time/bundle.ts"
import type { Recipient } from "../../src/core/one-time/recipient.ts"
import { type Built, buildClient } from "./client.ts"
import { type Different, type Publisher, startPublisher } from "./publisher.ts"

/** How a program ended, and what it said. */
export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Each sequence is one datagram to a port of its own, so that the gate sees which were sent, and how often. */
export const COUNTERS = 5

/** See the head of the file. */
export function knockersDevice() {
    let built: Built
    let home: string
    let publisher: Publisher
    let sockets: readonly Socket[]
    let service: Server | undefined
    let doors: readonly BundleDoor[]
    let servicePort: number
    /** The counter whose hit makes the service listen; null: none does. */
    let opening: number | null = null
    const hits: number[] = Array.from({ length: COUNTERS }, () => 0)

    beforeAll(async () => {
        built = await buildClient(true)
        sockets = await Promise.all(Array.from({ length: COUNTERS }, bound))
        servicePort = await freePort()
        for (const [counter, socket] of sockets.entries()) {
            socket.on("message", () => {
                hits[counter]!++
                if (opening === counter) service ??= createServer((one) => one.end()).listen(servicePort, "127.0.0.1")
            })
        }
        doors = [
            {
                name: "ssh",
                opens: [{ protocol: "tcp", port: servicePort }],
                within: 15_000,
                sequences: sockets.map((socket, counter) => ({
                    counter,
                    hits: [{ protocol: "udp", port: socket.address().port }],
                })),
            },
        ]
    })
    afterAll(() => {
        built?.remove()
        for (const socket of sockets ?? []) socket.close()
    })
    beforeEach(async () => {
        home = mkdtempSync(join(tmpdir(), "postern-device-"))
        publisher = await startPublisher({ gateway: "127.0.0.1", doors })
        opening = null
        hits.fill(0)
    })
    afterEach(async () => {
        shut()
        await publisher.close()
        if (existsSync(join(home, ".gnupg"))) tool("gpgconf", "--kill", "all")
        rmSync(home, { recursive: true, force: true })
    })

    /** The service listens no more. */
    const shut = () => {
        service?.close()
        service = undefined
    }

    /** Runs the program on this device. */
    const postern = (args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Promise<Ended> =>
        new Promise((resolve, reject) => {
            const child = spawn(process.execPath, [built.path, ...args], {
                cwd: home,
                env: { HOME: home, PATH: process.env["PATH"] ?? "", NO_COLOR: "1", ...env },
                stdio: ["pipe", "pipe", "pipe"],
                // Without a terminal, also where the tests have one: nobody is asked for anything.
                detached: true,
                timeout: 30_000,
            })
            let [stdout, stderr] = ["", ""]
            child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
            child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
            child.on("error", reject)
            child.on("close", (status) => resolve({ status, stdout, stderr }))
            child.stdin.on("error", () => {})
            child.stdin.end(input)
        })

    /** The same, where it has to go well. */
    const must = async (args: readonly string[], env?: Readonly<Record<string, string>>, input?: string) => {
        const ended = await postern(args, env, input)
        expect({ args, ...ended }).toMatchObject({ status: 0 })
        return ended
    }

    /** Another program; returns what it prints. */
    const tool = (program: string, ...args: readonly string[]): string => {
        const { status, stdout, stderr } = spawnSync(program, args, {
            cwd: home,
            encoding: "utf8",
            env: { ...process.env, HOME: home, GNUPGHOME: join(home, ".gnupg") },
        })
        if (status !== 0) throw new Error(`${program}: ${stderr}`)
        return stdout
    }

    /** Runs a command on a terminal, and types a line each time it asks. */
    const terminal = (command: string, lines: readonly string[]): Promise<Ended> =>
        new Promise((resolve, reject) => {
            const child = spawn("script", ["-qec", command, "/dev/null"], {
                cwd: home,
                env: { HOME: home, PATH: process.env["PATH"] ?? "", TERM: "xterm", NO_COLOR: "1" },
                timeout: 30_000,
            })
            let stdout = ""
            let asked = 0
            child.stdout.setEncoding("utf8").on("data", (text: string) => {
                stdout += text
                const questions = stdout.match(/Passphrase of \S+: /g)?.length ?? 0
                for (; asked < questions; asked++) child.stdin.write(`${lines[asked] ?? ""}\r`)
            })
            child.on("error", reject)
            child.on("close", (status) => resolve({ status, stdout, stderr: "" }))
        })

    /** Enrols this device as `gate`, with a key of its own, which a bundle is then made for. */
    const enrolled = async (different?: Different): Promise<Recipient> => {
        const { stdout } = await must(["enroll", publisher.link, "--new", "--name", "gate"])
        const [, key] = /^postern user add anna (?:--more )?--key (age1\w+)$/m.exec(stdout)!
        const anna = await recipient(key!)
        await publisher.publish([anna], "age", different)
        return anna
    }

    /** Everything in the cache was fetched long ago. */
    const age = () => {
        const folder = join(home, ".cache/postern/bundles")
        for (const name of readdirSync(folder).filter((one) => one.endsWith(".json"))) {
            const remarks = JSON.parse(readFileSync(join(folder, name), "utf8"))
            writeFileSync(join(folder, name), JSON.stringify({ ...remarks, fetched: Date.now() - 3_600_000 }))
        }
    }

    return {
        get home() {
            return home
        },
        get publisher() {
            return publisher
        },
        /** The doors of its bundles: one. */
        get doors() {
            return doors
        },
        /** Where hits go, and the port that its door opens. */
        get gate() {
            return { sockets, hits }
        },
        get servicePort() {
            return servicePort
        },
        get program() {
            return built.path
        },
        /** From now on the hit of this counter opens the door. */
        openWith(counter: number) {
            opening = counter
        },
        postern,
        must,
        tool,
        terminal,
        enrolled,
        age,
        shut,
    }
}

/** A key, as bundles are made for it. */
export async function recipient(text: string): Promise<Recipient> {
    const read = await readKey(text, Date.now())
    if (!read.ok) throw new Error(read.why)
    return read.recipient
}

function bound(): Promise<Socket> {
    return new Promise((resolve) => {
        const socket = createSocket("udp4")
        socket.bind(0, "127.0.0.1", () => resolve(socket))
    })
}

function freePort(): Promise<number> {
    return new Promise((resolve) => {
        const server = createServer().listen(0, "127.0.0.1", () => {
            const address = server.address()
            server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
        })
    })
}
