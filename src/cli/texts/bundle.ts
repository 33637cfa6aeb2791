/** What `postern bundle` and `postern user show` print. No hit is in it. */
import type { BundleShown, Publication } from "../../core/control/answer.ts"
import { formatDuration } from "../../core/knock/language.ts"
import { formatStamp } from "../../voice/reports.ts"

/** A knocker's bundle: doors with what is left, files, and how publication stands. `now`: milliseconds since 1970. */
export function bundleLines(shown: BundleShown, now: number): string[] {
    const { doors, files, url, publication } = shown
    return [
        ...doors.map(({ door, next, left, used }) => {
            const before = next === 0 ? "never used" : "last use not known"
            const last = used === null ? before : `last used ${ago(used, now)}`
            return `sequences   ${door}: next ${next}, ${left} left, ${last}`
        }),
        ...files.map(({ kind, name }) => `file        ${kind} ${url}${name}`),
        ...publicationLines(publication, now),
    ]
}

/** How publication stands. */
export function publicationLines({ trouble, last, targets }: Publication, now: number): string[] {
    return [
        ...(trouble === null ? [] : [`trouble     ${trouble}`]),
        last === null
            ? "published   not since the daemon began"
            : `published   serial ${last.serial}, ${ago(last.made, now)}, ${last.files === 1 ? "1 file" : `${last.files} files`}`,
        ...targets.map(({ name, done, trouble: wrong, failures }) => {
            if (wrong !== null)
                return `target      ${name}: ${wrong} (${failures === 1 ? "once" : `${failures} times`})`
            return `target      ${name}: ${done === null ? "nothing yet" : `as it should be since ${formatStamp(done)}`}`
        }),
    ]
}

/** How long ago, no more exactly than people ask. */
export function ago(then: number, now: number): string {
    const seconds = Math.floor((now - then) / 1000)
    return seconds <= 0 ? "just now" : `${formatDuration(coarse(seconds) * 1000)} ago`
}

/** Hours and days need no seconds. */
function coarse(seconds: number): number {
    const unit = seconds < 3600 ? 1 : seconds < 86_400 ? 60 : 3600
    return Math.floor(seconds / unit) * unit
}
