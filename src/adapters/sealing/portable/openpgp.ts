/**
 * The library for OpenPGP, loaded when the first certificate or OpenPGP file is there: it is large, and a file of its own
 * (tools/build.mjs). Types only are imported in the other way.
 */
export type OpenPgp = typeof import("openpgp")

/** Loads the library once. */
export function openPgp(): Promise<OpenPgp> {
    return import("openpgp")
}
