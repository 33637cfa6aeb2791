/** How one-time sequences stand, for `status`: who has how many, when one was used last, and when they were published. */
import { LISTED_MOST, type Status } from "../../core/status.ts"
import type { OneTimeDesk } from "./desk.ts"
import type { Publishing } from "./publishing.ts"

/** What both know at this moment. */
export function oneTimeNow(
    desk: Pick<OneTimeDesk, "numbers" | "members">,
    publishing: Pick<Publishing, "standing" | "inLast">,
): NonNullable<Status["oneTime"]> {
    const { listed, total } = desk.members(LISTED_MOST)
    const { last } = publishing.standing()
    const there = publishing.inLast(listed.map(({ knocker }) => knocker))
    const members = listed.map((member) => ({
        ...member,
        published: last !== null && there.has(member.knocker) ? last.made : null,
    }))
    return { ...desk.numbers(), members, total }
}
