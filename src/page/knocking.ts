/** The third part of the page: the bundle that was opened, and its next knock. */
import { formatDuration, formatService } from "../core/knock/language.ts"
import type { BundleDoor } from "../core/one-time/bundle.ts"
import type { Turn } from "../core/one-time/turn.ts"
import { button, made, plain, write } from "./dom.ts"
import { hit, PAUSE, type Seen } from "./hits.ts"
import type { Session } from "./session.ts"
import { commandOf, dateText, outcomeText, SEEN, unsendable } from "./texts.ts"

let session: Session | null = null
let door: BundleDoor | null = null

/** What is shown of a bundle goes. */
export function showNothing(): void {
    session = null
    door = null
    plain("knocking").hidden = true
}

/** Somebody sends this knock by hand: it is marked, and the next one is shown. */
export async function markSent(): Promise<void> {
    if (door !== null) await session?.take(door)
    showTurn()
    const left = nextTurn()?.tries === 0
    const then = left ? "The next one is shown." : "It was the last one of this bundle: get a new bundle."
    write("outcome", `This knock is marked as sent. ${then}`)
}

/** Shows it. `first`: no bundle was seen before, so nobody can tell whether this one is the newest. */
export function showSession(opened: Session, first: boolean): void {
    session = opened
    const { gateway, knocker, made: since, until, doors } = session.bundle
    const facts = { Gateway: gateway, Knocker: knocker, Made: dateText(since), "Good until": dateText(until) }
    plain("facts").replaceChildren(
        ...Object.entries(facts).flatMap(([name, text]) => [made("dt", name), made("dd", text)]),
    )
    const choices = doors.map((one, index) => doorChoice(one, index))
    const legend = plain("doors").firstElementChild
    plain("doors").replaceChildren(...(legend === null ? [] : [legend]), ...choices)
    door = doors[0] ?? null
    const note = "This browser has seen no bundle of yours before, so it cannot tell whether this one is the newest."
    write("note", doors.length === 0 ? "This bundle opens no door." : first ? note : "")
    write("outcome", "")
    plain("knocking").hidden = false
    showTurn()
    plain("knock-title").focus()
    plain("knocking").scrollIntoView()
}

function doorChoice(one: BundleDoor, index: number): HTMLElement {
    const row = made("div")
    row.className = "door"
    const choice = made("input")
    choice.type = "radio"
    choice.name = "door"
    choice.id = `door-${index}`
    choice.checked = index === 0
    choice.addEventListener("change", () => {
        door = one
        write("outcome", "")
        showTurn()
    })
    const opens = one.opens.length === 0 ? "" : `: ${one.opens.map(formatService).join(", ")}`
    const label = made("label", `${one.name}${opens}`)
    label.htmlFor = choice.id
    row.append(choice, label)
    return row
}

function nextTurn(): Turn | null {
    return session === null || door === null ? null : session.next(door)
}

/** The knock that is next, by hand and by the button. */
function showTurn(): void {
    const turn = nextTurn()
    const host = session?.bundle.gateway ?? ""
    const reason = turn === null ? "There is no knock left for this door: get a new bundle." : unsendable(turn.hits)
    plain("progress").replaceChildren()
    button("knock").hidden = reason !== null
    plain("by-hand").hidden = turn === null
    write("within", door === null ? "" : formatDuration(door.within))
    write("lines", turn === null ? "" : turn.hits.map((one) => commandOf(host, one)).join("\n"))
    if (reason !== null) write("outcome", reason)
    if (turn !== null && reason !== null) plain("by-hand").setAttribute("open", "")
}

/** Sends the next knock, hit by hit, and says what could be seen. */
export async function knock(): Promise<void> {
    if (session === null || door === null) return
    const { within, opens } = door
    const host = session.bundle.gateway
    // Before the first hit leaves: whoever sees it on the way knows the sequence.
    const turn = await session.take(door)
    if (turn === null) return showTurn()
    write("outcome", `Knocking, ${turn.hits.length} hits…`)
    plain("progress").replaceChildren()
    const begun = performance.now()
    const all: Seen[] = []
    for (const { port } of turn.hits) {
        if (all.length > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE))
        const seen = await hit(host, port)
        all.push(seen)
        plain("progress").append(made("li", SEEN[seen]))
    }
    const took = performance.now() - begun
    const hits = [...plain("progress").children]
    showTurn()
    plain("progress").replaceChildren(...hits)
    write("outcome", outcomeText(all, took > within, opens.map(formatService), turn.tries > 0))
}
