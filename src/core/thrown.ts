/** What a thrown thing says, for people: an error's message, or the thing itself as a text. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error)
}
