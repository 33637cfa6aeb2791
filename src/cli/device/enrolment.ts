/** A profile's bundle joined with what this device keeps of it. */
import type { ProfileBundle } from "../../core/knock/profile-bundle.ts"
import { cacheIn } from "./cache.ts"
import { cacheFolder, stateFolder } from "./folders.ts"
import { keepingIn } from "./keeping.ts"
import type { Enrolment } from "./obtain.ts"
import { openReading, type Reading, type ReadingTrouble } from "./reading.ts"

type Env = Readonly<Record<string, string | undefined>>

/** The enrolment of this table. `anyTime`: bundles whose time is over are gone by. `interrupted` ends programs that decrypt. */
export function enrolmentOf(
    bundle: ProfileBundle,
    env: Env,
    anyTime = false,
    interrupted = new AbortController().signal,
): Enrolment {
    let reading: Promise<Reading | ReadingTrouble> | undefined
    return {
        bundle,
        keeping: keepingIn(stateFolder(env, bundle.link.place)),
        cache: cacheIn(cacheFolder(env)),
        reading: () => (reading ??= openReading(bundle, env, interrupted)),
        now: () => Date.now(),
        anyTime,
    }
}
