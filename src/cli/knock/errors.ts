/** The system's word for what went wrong, such as `ENOENT`; for errors of another kind their message. */
export function errorCode(error: unknown): string {
    if (!(error instanceof Error)) return String(error)
    return "code" in error && typeof error.code === "string" ? error.code : error.message
}
