/**
 * A disk in memory that can lose its power: what was not synced is there, not there, or there in part, a sector at a
 * time, and a failed sync may have lost what it was to keep.
 */

import type { Disk } from "../../src/adapters/system/disk.ts"
import { BLOCK } from "../../src/core/store/block.ts"

type File = { durable: Uint8Array; unsynced: { at: number; bytes: Uint8Array }[] }

/** What a test does to it. */
export type ModelDisk = Disk & {
    /** Each operation that changes something, before and after it is done; what this throws is the operation's error. */
    fault: (step: string) => void
    /** Pulls the plug and puts it back. `random`: 0 to 1, decides the fate of each sector and name. */
    readonly cutPower: (random: () => number) => ModelDisk
    /** The bytes of a file, to be damaged, or null. */
    readonly bytes: (name: string) => Uint8Array | null
    readonly replace: (name: string, bytes: Uint8Array) => void
}

/** A disk with these files. */
export function modelDisk(
    start: ReadonlyMap<string, Uint8Array> = new Map(),
    random: () => number = () => 1,
): ModelDisk {
    let names = new Map([...start].map(([name, bytes]): [string, File] => [name, { durable: bytes, unsynced: [] }]))
    /** The names as they may be after a power loss. */
    let possible = [new Map(names)]
    const changed = () => possible.push(new Map(names))
    const step = async (what: string, act: () => void) => {
        await Promise.resolve()
        disk.fault(`before ${what}`)
        act()
        disk.fault(`after ${what}`)
    }
    const disk: ModelDisk = {
        fault: () => {},
        read: (name) => {
            const bytes = disk.bytes(name)
            return Promise.resolve(bytes === null ? null : { bytes, changed: 0 })
        },
        open: (name) => Promise.resolve(disk.bytes(name)?.length ?? null),
        names: () => Promise.resolve([...names.keys()]),
        view: (name) => {
            const file = names.get(name)
            if (file === undefined) return Promise.resolve(null)
            const bytes = () => written(file.durable, file.unsynced, () => 0)
            return Promise.resolve({
                size: bytes().length,
                read: (at: number, length: number) => Promise.resolve(bytes().subarray(at, at + length)),
                close: () => Promise.resolve(),
            })
        },
        create: (name, bytes) =>
            step(`create ${name}`, () => {
                names.set(name, { durable: new Uint8Array(0), unsynced: [{ at: 0, bytes: bytes.slice() }] })
                changed()
            }),
        write: (name, bytes, at) =>
            step(`write ${name}`, () => names.get(name)!.unsynced.push({ at, bytes: bytes.slice() })),
        async sync(name) {
            const file = names.get(name)!
            try {
                await step(`sync ${name}`, () => {
                    file.durable = written(file.durable, file.unsynced, () => 0)
                    file.unsynced = []
                })
            } catch (error) {
                // The kernel says so once, and takes the pages for clean.
                file.durable = written(file.durable, file.unsynced, random)
                file.unsynced = []
                throw error
            }
        },
        rename: (from, to) =>
            step(`rename ${from}`, () => {
                names.set(to, names.get(from)!)
                names.delete(from)
                changed()
            }),
        holds: (name, size) => Promise.resolve((disk.bytes(name)?.length ?? -1) >= size),
        syncNames: () =>
            step("sync names", () => {
                possible = [new Map(names)]
            }),
        close: () => Promise.resolve(),
        cutPower(chance) {
            const survived = possible[Math.floor(chance() * possible.length)]!
            const files = [...survived].map(([name, { durable, unsynced }]): [string, Uint8Array] => [
                name,
                written(durable, unsynced, chance),
            ])
            return modelDisk(new Map(files), chance)
        },
        bytes(name) {
            const file = names.get(name)
            return file === undefined ? null : written(file.durable, file.unsynced, () => 0)
        },
        replace(name, bytes) {
            names = new Map(names).set(name, { durable: bytes, unsynced: [] })
            possible = [new Map(names)]
        },
    }
    return disk
}

/** The file with those sectors of the writes for which `random` is below one half. */
function written(
    durable: Uint8Array,
    writes: readonly { at: number; bytes: Uint8Array }[],
    random: () => number,
): Uint8Array {
    const room = new Uint8Array(Math.max(durable.length, ...writes.map(({ at, bytes }) => at + bytes.length)))
    room.set(durable)
    let length = durable.length
    for (const write of writes) {
        for (let from = 0; from < write.bytes.length; from += BLOCK) {
            if (random() >= 0.5) continue
            const sector = write.bytes.subarray(from, from + BLOCK)
            room.set(sector, write.at + from)
            length = Math.max(length, write.at + from + sector.length)
        }
    }
    return room.subarray(0, length)
}
