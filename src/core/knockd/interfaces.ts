/** Where to listen, as `Interface` and `-i` say it. knockd takes one name; several, `any` and `auto` are ours. */
import type { Gateway } from "../config/config.ts"
import { trimmed } from "./text.ts"

/** What the text asks for. Not ok: `auto` stands beside others, which means nothing that could be followed. */
export type InterfacesReading =
    | { readonly ok: true; readonly interfaces: Gateway["interfaces"] }
    | { readonly ok: false; readonly message: string }

/** Names with commas between, blanks around them, each once; with `any` among them all interfaces are meant. */
export function readInterfaces(text: string): InterfacesReading {
    const items = text.split(",").map(trimmed)
    const names = [...new Set(items.filter((item) => item !== ""))]
    if (names.includes("any")) return { ok: true, interfaces: "any" }
    if (!names.includes("auto")) return { ok: true, interfaces: names.length === 0 ? [text] : names }
    if (names.length === 1) return { ok: true, interfaces: "auto" }
    return { ok: false, message: `could not open ${text}: auto stands for others and must stand alone` }
}

/** As the log tells it: what was asked for, in its plainest form. */
export function interfacesName(interfaces: Gateway["interfaces"]): string {
    return typeof interfaces === "string" ? interfaces : interfaces.join(",")
}
