/** Which files a target has that cannot list them: a line for each, on the disk. */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { writeWhole } from "../system/durable.ts"

/** See the head of the file. */
export type Remembered = {
    readonly names: () => Promise<readonly string[]>
    /** Durable when it is done. */
    readonly note: (names: readonly string[]) => Promise<void>
}

/** Remembers in a file of this directory. `whose`: what it is about, whatever that is. */
export function rememberIn(directory: string, whose: string): Remembered {
    const name = `published-${createHash("sha256").update(whose).digest("hex").slice(0, 16)}`
    let known: string | null = null
    return {
        async names() {
            known ??= await textOf(`${directory}/${name}`)
            return known.split("\n").filter((line) => line !== "")
        },
        async note(names) {
            const text = [...names]
                .sort()
                .map((line) => `${line}\n`)
                .join("")
            if (text === known) return
            await writeWhole(directory, name, Buffer.from(text), { mode: 0o600 })
            known = text
        },
    }
}

async function textOf(path: string): Promise<string> {
    try {
        return await readFile(path, "latin1")
    } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
        throw error
    }
}
