/** The option by which a command names the daemon that it asks; the same words for all of them. */
export const SOCKET = [
    "--socket <file>",
    "where the daemon is asked (default: $POSTERN_SOCKET, or /run/postern/control)",
] as const
