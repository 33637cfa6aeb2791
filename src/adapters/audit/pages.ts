/** What all ways of reading share: a page is filled entry by entry, and is full at a bound. */
import type { AuditEntry } from "../../core/audit/entry.ts"
import { type AuditFilter, matches } from "../../core/audit/filter.ts"
import type { AuditPage } from "../../ports/audit.ts"

/** Ours: entries and characters of a page: far below what an answer of the control protocol may have. */
const ENTRIES_MOST = 1000
const CHARACTERS_MOST = 262_144

/** A page under way. Entries are shown to it in the order of their serials. */
export class PageMaker {
    readonly #filter: AuditFilter
    readonly #entries: AuditEntry[] = []
    #characters = 0
    #next: number
    #missing = 0
    /** The beginning of the trail may have been dropped: nothing is missing before the first entry. */
    #begun: boolean

    constructor(after: number, filter: AuditFilter) {
        this.#filter = filter
        this.#next = after
        this.#begun = after > 0
    }

    /** Takes no more. */
    get full(): boolean {
        return this.#entries.length >= ENTRIES_MOST || this.#characters >= CHARACTERS_MOST
    }

    /** Takes the next entry, whose line has so many characters. */
    show(entry: AuditEntry, characters: number): void {
        if (entry.serial <= this.#next) return
        if (this.#begun) this.#missing += entry.serial - this.#next - 1
        this.#begun = true
        this.#next = entry.serial
        if (!matches(entry, this.#filter)) return
        this.#entries.push(entry)
        this.#characters += characters
    }

    /** `lost`: so many lines at the end could not be read. */
    page(more: boolean, lost = 0): AuditPage {
        return { entries: this.#entries, next: this.#next, more, missing: this.#missing + lost }
    }
}
