import { describe, expect, it } from "vitest"
import { cleanMappings } from "../../../src/adapters/system/trim.ts"

/** A mapping as the kernel writes it, with so many kB of its own. */
function mapping(range: string, mode: string, inode: number, name: string, anonymous: number): string {
    return [
        `${range} ${mode} 00000000 fe:00 ${inode}                        ${name}`.trimEnd(),
        "Size:                132 kB",
        "Rss:                 100 kB",
        `Anonymous:      ${String(anonymous).padStart(8)} kB`,
        "VmFlags: rd ex mr mw me sd",
    ].join("\n")
}

describe("cleanMappings()", () => {
    it("finds the parts of files that hold nothing of our own", () => {
        const smaps = [
            mapping("00400000-00500000", "r--p", 77, "/usr/bin/node", 0),
            mapping("00500000-02000000", "r-xp", 77, "/usr/bin/node", 0),
            mapping("7ffff7dc5000-7ffff7f1a000", "r-xp", 78, "/usr/lib/with a space.so", 0),
        ].join("\n")
        expect(cleanMappings(smaps)).toEqual([
            { start: 0x400000, size: 0x100000 },
            { start: 0x500000, size: 0x1b00000 },
            { start: 0x7ffff7dc5000, size: 0x155000 },
        ])
    })

    it.each([
        ["what the linker has written to (relocations)", mapping("00400000-00500000", "r--p", 77, "/usr/bin/node", 4)],
        ["what can be written to", mapping("00400000-00500000", "rw-p", 77, "/usr/bin/node", 0)],
        ["what is shared with others", mapping("00400000-00500000", "r--s", 77, "/memfd:ring", 0)],
        ["memory of no file", mapping("00400000-00500000", "r--p", 0, "", 0)],
        ["the kernel's own pages", mapping("7fff0000-7fff1000", "r-xp", 0, "[vdso]", 0)],
        ["a text that is none of this", "Anonymous:             0 kB\nnonsense"],
        ["nothing", ""],
    ])("leaves %s alone", (_, smaps) => expect(cleanMappings(smaps)).toEqual([]))
})
