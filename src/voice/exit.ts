/** The exit codes of every command (postern(1), EXIT STATUS). */
export const EXIT = {
    ok: 0,
    failed: 1,
    usage: 2,
    configuration: 3,
    key: 4,
    network: 5,
    permission: 6,
    stale: 7,
    interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
