/** The knockers of a configuration, as its reader asks for them. */
import { dirname, resolve } from "node:path"
import type { HostFacts } from "../../core/config/parse.ts"
import type { KeyRead } from "../../core/one-time/knocker.ts"
import { KnockerFiles } from "./directory.ts"

/**
 * Reads their files, again and again: `users` is relative to the directory of `main`, the main file of the configuration.
 * `readKey` understands one key at this moment (milliseconds since 1970).
 */
export function knockersBeside(
    main: string,
    readKey: (text: string, now: number) => Promise<KeyRead>,
): NonNullable<HostFacts["knockers"]> {
    const files = new KnockerFiles((text) => readKey(text, Date.now()))
    return ({ users }, doors) => files.read(resolve(dirname(main), users), doors)
}
