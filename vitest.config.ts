import { defineConfig } from "vitest/config"
import { LongestFirst } from "./tools/longest-first.ts"

/** End-to-end tests that measure, or that want every processor for themselves: one after another, when no other runs. */
const ALONE = ["bench", "floods", "neighbours", "soak"].map((name) => `test/e2e/${name}.test.ts`)

/** `files`: so many at a time. Most of them wait for something most of the time. */
const project = (name: string, include: readonly string[], timeout: number, files: number) => ({
    define: { POSTERN_VERSION: JSON.stringify("test") },
    test: {
        name,
        include: [...include],
        exclude: name === "e2e" ? ALONE : [],
        setupFiles: ["test/setup.ts"],
        testTimeout: timeout,
        hookTimeout: timeout,
        maxWorkers: files,
        pool: "forks" as const,
        // These leave nothing behind in their process: what they import is read once for all of them.
        isolate: name !== "unit" && name !== "cli",
        // One project after another, also where several are named.
        sequence: { groupOrder: PROJECTS.indexOf(name) + 1 },
    },
})
const PROJECTS = ["unit", "contract", "cli", "e2e", "alone", "interop"]
const all = (folder: string) => [`test/${folder}/**/*.test.ts`]

// unit and contract run anywhere (contract: some adapters need root and say so); e2e, alone and interop need root.
export default defineConfig({
    test: {
        sequence: { sequencer: LongestFirst },
        projects: [
            project("unit", all("unit"), 20_000, 2),
            project("contract", all("contract"), 60_000, 3),
            project("cli", all("cli"), 60_000, 2),
            project("e2e", all("e2e"), 300_000, 4),
            project("alone", ALONE, 300_000, 1),
            project("interop", all("interop"), 300_000, 2),
        ],
    },
})
