import { defineConfig } from "vitest/config"

// unit and contract run anywhere (contract: some adapters need root and say so); e2e and interop need root.
const project = (name: string, timeout: number, files: number) => ({
    test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        setupFiles: ["test/setup.ts"],
        testTimeout: timeout,
        hookTimeout: timeout,
        fileParallelism: files > 1,
        pool: "forks" as const,
    },
})

export default defineConfig({
    define: { POSTERN_VERSION: JSON.stringify("test") },
    test: {
        projects: [
            project("unit", 20_000, 2),
            project("contract", 60_000, 1),
            project("cli", 60_000, 1),
            project("e2e", 300_000, 1),
            project("interop", 300_000, 1),
        ],
    },
})
