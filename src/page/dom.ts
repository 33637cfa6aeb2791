/** Elements of the page, and text in them. Nothing of a bundle is ever read as HTML. */

/** The element with this id, which is in the page. */
export function byId<T extends HTMLElement>(id: string, type: abstract new () => T): T {
    const element = document.getElementById(id)
    if (!(element instanceof type)) throw new Error(`no ${id}`)
    return element
}

export const area = (id: string): HTMLTextAreaElement => byId(id, HTMLTextAreaElement)
export const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement)
export const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement)
export const plain = (id: string): HTMLElement => byId(id, HTMLElement)

/** Writes a text into an element. */
export function write(id: string, text: string): void {
    plain(id).textContent = text
}

/** A new element with this text in it. */
export function made<K extends keyof HTMLElementTagNameMap>(tag: K, text = ""): HTMLElementTagNameMap[K] {
    const element = document.createElement(tag)
    element.textContent = text
    return element
}

/** The text of the file that was chosen, as far as it may be one; null if none was. */
export async function chosenText(files: HTMLInputElement, most: number): Promise<string | null> {
    const file = files.files?.[0]
    return file === undefined ? null : file.slice(0, most + 1).text()
}

/** Lets the browser show what was written, before something takes long. */
export function painted(): Promise<void> {
    return new Promise((resolve) => {
        requestAnimationFrame(() => setTimeout(resolve, 0))
        // Of a page that nobody sees nothing is painted.
        setTimeout(resolve, 100)
    })
}

/** Says what is wrong, and leads to the field where it is: on a small screen nobody sees both unless they are together. */
export function problem(text: string, field?: HTMLElement): void {
    const said = plain("problem")
    if (field === undefined) plain("anyway").before(said)
    else field.after(said)
    write("problem", text)
    field?.focus()
    said.scrollIntoView({ block: "nearest" })
}

let asked: (() => void) | null = null

/** Asks before it goes on. */
export function ask(text: string, yes: string, act: () => void): void {
    write("anyway-text", text)
    write("anyway-yes", yes)
    plain("anyway").hidden = false
    asked = act
    button("anyway-yes").focus()
}

/** What was asked for is done. */
export function goOn(): void {
    const act = asked
    closeQuestion()
    act?.()
}

/** Nothing is wrong and nothing is asked any more. */
export function closeQuestion(): void {
    asked = null
    plain("anyway").hidden = true
    write("problem", "")
}
