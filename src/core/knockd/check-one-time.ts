/** What is unwise about files of one-time sequences, and about how doors use them. */
import type { KnockdSource, PlacedDoor } from "./check.ts"
import { doubtsOf } from "./check-doors.ts"
import { readOneTimeFile } from "./one-time.ts"
import type { KnockdProblem } from "./problems.ts"
import { sequenceText } from "./sequence.ts"

/** So few are left that new ones should be written. */
const FEW = 5

/** Says something of a line (from 1) of such a file. */
type SayOfFile = (path: string, line: number, problem: KnockdProblem) => void

/** Every doubt about the files that doors use, each file once. */
export function checkOneTime(doors: readonly PlacedDoor[], { oneTime }: KnockdSource, say: SayOfFile): void {
    const firsts = new Map<string, PlacedDoor>()
    for (const placed of doors) {
        const path = placed.door.oneTime
        if (path === null) continue
        if (!path.startsWith("/")) placed.say("ONE_TIME_SEQUENCES", { code: "relative" })
        const first = firsts.get(path)
        if (first !== undefined) {
            placed.say("ONE_TIME_SEQUENCES", { code: "file-shared", door: first.door.name })
            continue
        }
        firsts.set(path, placed)
        const found = oneTime.get(path)
        if (found?.ok) checkFile(path, found.text, found.mode ?? 0, say)
    }
}

function checkFile(path: string, text: string, mode: number, say: SayOfFile): void {
    const { unused } = readOneTimeFile(text)
    const lines = new Map<string, number>()
    let bare: number | null = null
    for (const { at, line, hits } of unused) {
        for (const problem of doubtsOf(hits)) say(path, line, problem)
        const knock = sequenceText(hits)
        const first = lines.get(knock)
        if (first !== undefined) say(path, line, { code: "line-again", line: first })
        else lines.set(knock, line)
        if (!/[\t-\r ]/.test(text.charAt(at))) bare ??= line
    }
    if (bare !== null) say(path, bare, { code: "line-without-blank" })
    if (unused.length > 0 && unused.length <= FEW) say(path, unused[0]!.line, { code: "file-few", left: unused.length })
    if (mode & 0o004) say(path, 1, { code: "readable" })
    if (mode & 0o022) say(path, 1, { code: "writable" })
}
